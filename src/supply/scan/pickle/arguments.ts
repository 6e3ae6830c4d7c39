import {
  type CallValue,
  type Constant,
  type PickleMachine,
  resolvePython2Name,
  type Value,
} from '../../../formats/index.ts'
import { trustOf } from './trust/allowlist.ts'
import { type ArgumentRule, CALL, INSTANCE } from './trust/trust.ts'

/** What a check of arguments needs from the policy around it. */
export interface ArgumentScope {
  readonly machine: PickleMachine
  isAllowed(module: string, name: string): boolean
  /** Scans a constant as a file that a loader would load here; gives why it may not be loaded. */
  scanFile(value: Value): string | undefined
}

/** Names of codecs that only turn text into bytes. */
const CODECS: ReadonlySet<string> = new Set(
  'latin1 latin-1 latin_1 iso-8859-1 iso8859-1 ascii us-ascii utf-8 utf8 utf_8 utf-16 utf-32 utf-16-le utf-16-be cp1252'.split(
    ' ',
  ),
)

/** Why a call with these arguments is not harmless, or undefined when it is. */
export function objectionTo(
  rule: ArgumentRule,
  args: readonly Value[] | undefined,
  scope: ArgumentScope,
): string | undefined {
  if (rule === 'any') return undefined
  if (args === undefined) return 'its arguments cannot be told'
  switch (rule) {
    case 'codec':
      return isTextOf(args[1], scope, CODECS) || (args.length === 1 && isConstant(args[0]))
        ? undefined
        : 'its codec is not one that only makes bytes of text'
    case 'class-first':
      return isAllowedClass(args[0], scope) ? undefined : 'its first argument is not a known class'
    case 'reconstructor':
      return isAllowedClass(args[0], scope) ? undefined : 'it makes an instance of something unknown'
    case 'none-type':
      return args.length === 1 && isConstant(args[0]) ? undefined : 'it makes a class'
    case 'attribute':
      return attributeObjection(args, scope)
    case 'partial':
      return isBindable(args[0], scope) ? undefined : 'it binds something unknown'
    case 'ufunc-name':
      return ufuncObjection(args, scope)
    case 'texts':
      return args.every((arg) => isConstant(arg)) ? undefined : 'its arguments are computed'
    case 'torch-file':
      return scope.scanFile(args[0] ?? Number.NaN)
    case 'rebuild-typed':
      return rebuildObjection(args, scope)
    default:
      return 'nobody says which arguments are harmless'
  }
}

/** A global as a loader resolves it. */
export function resolvedGlobal(
  machine: PickleMachine,
  value: Value | undefined,
): { module: string; name: string } | undefined {
  const object = value === undefined ? undefined : machine.resolve(value, 0)
  if (object?.kind !== 'global' || object.module === undefined || object.name === undefined) return undefined
  return resolvePython2Name(object.module, object.name, object.protocol)
}

function isConstant(value: Value | undefined): boolean {
  return value !== undefined && value >= 0
}

function textOf(value: Value | undefined, { machine }: ArgumentScope): string | undefined {
  const constant: Constant | undefined = value === undefined ? undefined : machine.constant(value, 1024)
  return constant?.type === 'text' || constant?.type === 'string' ? constant.value : undefined
}

function isTextOf(value: Value | undefined, scope: ArgumentScope, allowed: ReadonlySet<string>): boolean {
  const text = textOf(value, scope)
  return text !== undefined && allowed.has(text.toLowerCase())
}

function isAllowedGlobal(value: Value | undefined, scope: ArgumentScope): boolean {
  const global = resolvedGlobal(scope.machine, value)
  return global !== undefined && scope.isAllowed(global.module, global.name)
}

/** What may be called with any arguments may be bound to any. */
function isBindable(value: Value | undefined, scope: ArgumentScope): boolean {
  const global = resolvedGlobal(scope.machine, value)
  if (global === undefined || !scope.isAllowed(global.module, global.name)) return false
  const trust = trustOf(global.module, global.name)
  return trust === undefined || trust.args === 'any'
}

/** A class that is known, and known to be a class rather than a function. */
function isAllowedClass(value: Value | undefined, scope: ArgumentScope): boolean {
  const global = resolvedGlobal(scope.machine, value)
  if (global === undefined || !scope.isAllowed(global.module, global.name)) return false
  const trust = trustOf(global.module, global.name)
  return trust === undefined || (trust.uses & INSTANCE) !== 0
}

/** Methods of harmless classes that `__reduce__` writes as `getattr(class, name)` and then calls. */
const PICKLED_METHODS: ReadonlySet<string> = new Set(['zoneinfo.ZoneInfo._unpickle'])

function isPickledMethod(args: readonly Value[], scope: ArgumentScope): boolean {
  const owner = resolvedGlobal(scope.machine, args[0])
  return owner !== undefined && PICKLED_METHODS.has(`${owner.module}.${owner.name}.${textOf(args[1], scope)}`)
}

/** Whether a call calls such a method, with nothing but constants. */
export function isPickledMethodCall(call: CallValue, scope: ArgumentScope): boolean {
  const callee = scope.machine.resolve(call.callee, 0)
  if (callee?.kind !== 'call' || callee.opcode !== 'REDUCE') return false
  const global = resolvedGlobal(scope.machine, callee.callee)
  if (global?.module !== 'builtins' || global.name !== 'getattr') return false
  const args = scope.machine.items(callee.args)
  return (
    args !== undefined &&
    isPickledMethod(args, scope) &&
    scope.machine.items(call.args)?.every((arg) => isConstant(arg)) === true
  )
}

/** `getattr(object, name)`: how bound methods and members of enumerations are pickled. */
function attributeObjection(args: readonly Value[], scope: ArgumentScope): string | undefined {
  const name = textOf(args[1], scope)
  if (args.length !== 2 || name === undefined) return 'the attribute it reaches is computed'
  if (isPickledMethod(args, scope)) return undefined
  if (name.startsWith('_') || !/^\w+$/.test(name)) return `it reaches the attribute ${name}`
  const object = scope.machine.resolve(args[0] ?? Number.NaN, 0)
  if (object?.kind === 'call') {
    return isAllowedGlobal(object.callee, scope) ? undefined : 'it reaches into something unknown'
  }
  return isAllowedClass(args[0], scope) ? undefined : 'it reaches into something that is not a known class'
}

/** `numpy.core._ufunc_reconstruct(module, name)` imports what it is told to. */
function ufuncObjection(args: readonly Value[], scope: ArgumentScope): string | undefined {
  const module = textOf(args[0], scope)
  const name = textOf(args[1], scope)
  if (module === undefined || name === undefined) return 'what it imports is computed'
  const isKnown = /^(?:numpy|scipy\.special)(?:\.|$)/.test(module) && scope.isAllowed(module, name)
  return isKnown ? undefined : `it imports ${module}.${name}`
}

/** `torch._tensor._rebuild_from_type_v2(function, type, arguments, state)` calls the function. */
function rebuildObjection(args: readonly Value[], scope: ArgumentScope): string | undefined {
  const global = resolvedGlobal(scope.machine, args[0])
  const trust = global === undefined ? undefined : trustOf(global.module, global.name)
  if (global === undefined || trust === undefined || (trust.uses & CALL) === 0) {
    return 'it calls something unknown'
  }
  if (!isAllowedClass(args[1], scope)) return 'it makes an instance of something unknown'
  return objectionTo(
    trust.args === 'rebuild-typed' ? 'reconstructor' : trust.args,
    scope.machine.items(args[2] ?? Number.NaN),
    scope,
  )
}
