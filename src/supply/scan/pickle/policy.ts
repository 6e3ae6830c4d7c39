import type { Severity } from '../../../core/index.ts'
import {
  type CallValue,
  type GlobalValue,
  type PersistentValue,
  type PickleMachine,
  type PickleVisitor,
  resolvePython2Name,
  type Value,
} from '../../../formats/index.ts'
import type { Rule } from '../report.ts'
import { type ArgumentScope, isPickledMethodCall, objectionTo, resolvedGlobal } from './arguments.ts'
import type { PickleContext, PickleSighting } from './context.ts'
import {
  ATTRIBUTE_WALK,
  COMPUTED_CALL,
  COMPUTED_GLOBAL,
  EXTENSION_CODE,
  METHOD_GADGET,
  OVER_BUDGET,
  SPECIAL_STATE,
  STATE_OF_IMPORT,
  UNKNOWN_GLOBAL,
  UNSAFE_CALL,
  UNSAFE_GLOBAL,
} from './rules.ts'
import { trustOf } from './trust/allowlist.ts'
import { dangerOf } from './trust/dangerous.ts'
import { CALL, CONTAINER, INSTANCE } from './trust/trust.ts'

const MAX_SIGHTINGS = 100
const MAX_IMPORTS = 10_000
/** Items of states looked at, over all BUILDs of a file: the same state may be given many times. */
const MAX_STATE_ITEMS = 8_000_000

/** Attributes with two underscores that a harmless state has. */
const PLAIN_SPECIALS: ReadonlySet<string> = new Set([
  '__version__',
  '__orig_class__',
  '__doc__',
  '__notes__',
  '__annotations__',
  '__dataclass_params__',
])

/** What a stream does while it loads, judged. One policy sees all pickles of a file. */
export class PicklePolicy implements PickleVisitor, ArgumentScope {
  readonly #context: PickleContext
  readonly #scanFile: (policy: PicklePolicy, value: Value) => string | undefined
  #machine: PickleMachine | undefined
  readonly sightings: PickleSighting[] = []
  readonly imports = new Set<string>()
  /** Objects asked of the loader, by what kind they are. */
  readonly persistentKinds = new Map<string, number>()
  /** Calls of whatever kind, the sign that bytes which broke off were a pickle after all. */
  calls = 0
  #stateItems = 0
  /** Of dicts that a call made, what one as a state would set. */
  readonly #specialKeys = new Map<Value, string>()
  readonly #seen = new Set<string>()

  constructor(context: PickleContext, scanFile: (policy: PicklePolicy, value: Value) => string | undefined) {
    this.#context = context
    this.#scanFile = scanFile
  }

  get machine(): PickleMachine {
    if (this.#machine === undefined) throw new TypeError('the policy has no machine yet')
    return this.#machine
  }

  set machine(machine: PickleMachine) {
    if (machine !== this.#machine) this.#specialKeys.clear()
    this.#machine = machine
  }

  sight(
    rule: Rule,
    message: string,
    offset: number,
    more: { severity?: Severity; evidence?: string } = {},
  ): void {
    const key = `${rule.id}\n${message}`
    if (this.#seen.has(key) || this.sightings.length >= MAX_SIGHTINGS) return
    this.#seen.add(key)
    this.sightings.push({
      rule,
      severity: more.severity ?? rule.severity,
      message,
      offset,
      ...(more.evidence === undefined ? {} : { evidence: more.evidence }),
    })
  }

  add(sighting: PickleSighting): void {
    this.sight(sighting.rule, sighting.message, sighting.offset, sighting)
  }

  /** True when something is imported by a name that Python could know. */
  get hasPlainImports(): boolean {
    for (const name of this.imports) if (/^[A-Za-z_][\w.]*\.[A-Za-z_][\w.]*$/.test(name)) return true
    return false
  }

  mark(): PolicyMark {
    return { sightings: this.sightings.length, imports: this.imports.size, calls: this.calls }
  }

  /** Forgets what was seen since: the bytes were no pickle. */
  reset(mark: PolicyMark): void {
    for (const sighting of this.sightings.splice(mark.sightings)) {
      this.#seen.delete(`${sighting.rule.id}\n${sighting.message}`)
    }
    for (const name of [...this.imports].slice(mark.imports)) this.imports.delete(name)
    this.calls = mark.calls
  }

  isAllowed(module: string, name: string): boolean {
    if (trustOf(module, name) !== undefined || this.#context.allowGlobals.has(`${module}.${name}`))
      return true
    // TorchScript archives define these classes themselves; torch.jit.load resolves nothing else by name.
    return this.#context.profile === 'torchscript' && /^__torch__(?:\.\w+)*$/.test(module)
  }

  scanFile(value: Value): string | undefined {
    return this.#scanFile(this, value)
  }

  // What the machine sees.

  onGlobal(global: GlobalValue): void {
    if (global.opcode === 'EXT') this.#judgeExtension(global)
    if (global.module === undefined || global.name === undefined) {
      if (global.opcode !== 'EXT') {
        this.sight(COMPUTED_GLOBAL, 'the name of an import is computed while loading', global.offset)
      }
      return
    }
    const { module, name } = resolvePython2Name(global.module, global.name, global.protocol)
    if (this.imports.size < MAX_IMPORTS) this.imports.add(`${module}.${name}`)
    if (this.isAllowed(module, name)) return
    this.#judgeUnknown(module, name, global)
  }

  onCall(value: Value): void {
    this.calls++
    const call = this.machine.resolve(value, 0)
    if (call?.kind !== 'call' || call.callee >= 0) return
    const callee = this.machine.resolve(call.callee, 0)
    if (callee?.kind === 'container' || callee === undefined) return
    if (callee.kind !== 'global') {
      if (isPickledMethodCall(call, this)) return
      this.sight(COMPUTED_CALL, `${call.opcode} calls the result of another call`, call.offset)
      return
    }
    if (callee.module === undefined || callee.name === undefined) return
    const { module, name } = resolvePython2Name(callee.module, callee.name, callee.protocol)
    this.#judgeCall(call, module, name)
  }

  onBuild(target: Value, state: Value, offset: number): void {
    const object = this.machine.resolve(target, 0)
    if (object?.kind === 'global') {
      const name = `${object.module}.${object.name}`
      this.sight(STATE_OF_IMPORT, `BUILD overwrites attributes of ${name}`, offset, { evidence: name })
    } else if (object?.kind === 'persistent') {
      this.sight(STATE_OF_IMPORT, 'BUILD overwrites attributes of an object of the loader', offset, {
        severity: 'high',
      })
    }
    this.#judgeState(state, offset, 0)
  }

  onMutate(
    target: Value,
    method: 'extend' | '__setitem__' | 'add',
    items: readonly Value[],
    offset: number,
  ): void {
    if (method === '__setitem__' && !this.#specialKeys.has(target)) {
      for (let index = 0; index < items.length; index += 2) {
        const key = this.#attributeName(items[index] ?? Number.NaN)
        if (key !== undefined) this.#specialKeys.set(target, key)
      }
    }
    const object = this.machine.resolve(target, 0)
    if (object?.kind === 'global' || object?.kind === 'persistent' || object?.kind === 'buffer') {
      this.sight(METHOD_GADGET, `${method} is called on something imported or foreign`, offset)
    }
    if (object?.kind !== 'call') return
    const callee = this.#classOf(object)
    const trust = callee === undefined ? undefined : trustOf(callee.module, callee.name)
    if (trust !== undefined && (trust.uses & CONTAINER) !== 0) return
    const name = callee === undefined ? 'the result of a call' : `${callee.module}.${callee.name}`
    if (callee !== undefined && this.#context.allowGlobals.has(name)) return
    this.sight(METHOD_GADGET, `${method} is called on ${name}`, offset, { evidence: name })
  }

  onPersistent(persistent: PersistentValue): void {
    const first = this.machine.items(persistent.id, 1)?.[0]
    const constant = first === undefined ? undefined : this.machine.constant(first, 64)
    const kind = constant?.type === 'text' || constant?.type === 'string' ? constant.value : 'object'
    if (this.persistentKinds.size < 100) {
      this.persistentKinds.set(kind, (this.persistentKinds.get(kind) ?? 0) + 1)
    }
  }

  // Judgements.

  #judgeUnknown(module: string, name: string, global: GlobalValue): void {
    const path = `${module}.${name}`
    // Below protocol 4 a dot is part of the name in the C unpickler, and walked by some others.
    const danger =
      dangerOf(module, name) ??
      dangerOf(global.module ?? '', global.name ?? '') ??
      (name.includes('.') ? dangerOf(name, '') : undefined)
    if (danger !== undefined) {
      this.sight(UNSAFE_GLOBAL, `${path} is imported, which ${danger}`, global.offset, { evidence: path })
    } else if (name.includes('.')) {
      this.sight(ATTRIBUTE_WALK, `${path} is reached by walking attributes`, global.offset, {
        evidence: path,
      })
    } else {
      this.sight(UNKNOWN_GLOBAL, `${path} is imported and not known to be harmless`, global.offset, {
        severity: 'medium',
        evidence: path,
      })
    }
  }

  #judgeExtension(global: GlobalValue): void {
    const name =
      global.module === undefined
        ? `code ${global.extensionCode}`
        : `${global.module}.${global.name} as code ${global.extensionCode}`
    this.sight(EXTENSION_CODE, `the extension registry gives ${name}`, global.offset)
  }

  #judgeCall(call: CallValue, module: string, name: string): void {
    const path = `${module}.${name}`
    if (this.#context.allowGlobals.has(path)) return
    const trust = trustOf(module, name)
    if (trust === undefined) {
      if (this.isAllowed(module, name)) return
      if (dangerOf(module, name) === undefined) {
        this.sight(UNKNOWN_GLOBAL, `${path} is called and not known to be harmless`, call.offset, {
          evidence: path,
        })
      } else {
        this.sight(UNSAFE_CALL, `${path} is called`, call.offset, { severity: 'critical', evidence: path })
      }
      return
    }
    const args = this.machine.items(call.args)
    const needsCall =
      call.opcode === 'REDUCE' || (isOldStyle(call) && (args === undefined || args.length > 0))
    const has = (use: number) => (trust.uses & use) !== 0
    const isUsable = needsCall ? has(CALL) || (has(INSTANCE) && this.#isEmpty(args)) : has(INSTANCE)
    if (!isUsable) {
      this.sight(UNSAFE_CALL, `${path} is called, which may only be mentioned`, call.offset, {
        evidence: path,
      })
      return
    }
    // Their last arguments are states of the tensor that they make.
    if (/^torch\._(?:utils|tensor)$/.test(module)) {
      for (const arg of args ?? []) this.#judgeState(arg, call.offset, 0)
    }
    const objection = objectionTo(trust.args, args, this)
    if (objection !== undefined) {
      this.sight(UNSAFE_CALL, `${path} is called and ${objection}`, call.offset, {
        severity: dangerOf(module, name) === undefined ? 'high' : 'critical',
        evidence: path,
      })
    }
  }

  /** Old protocols call a class without arguments to make its instance; then nothing comes from the stream. */
  #isEmpty(args: readonly Value[] | undefined): boolean {
    return args !== undefined && args.length === 0
  }

  /** The class that a call makes an instance of, where that can be told. */
  #classOf(call: CallValue): { module: string; name: string } | undefined {
    const callee = resolvedGlobal(this.machine, call.callee)
    if (callee?.module !== 'copyreg') return callee
    return resolvedGlobal(this.machine, this.machine.items(call.args, 1)?.[0])
  }

  #judgeTemplate(value: Value | undefined, offset: number): void {
    const template = value === undefined ? undefined : this.machine.constant(value, 4096)
    const isText = template?.type === 'text' || template?.type === 'string'
    if (isText && template.size <= 4096 && HANDS_ON_ARGUMENTS.test(template.value)) return
    this.sight(SPECIAL_STATE, `BUILD sets ${EXECUTED_TEMPLATE}, which SciPy executes`, offset, {
      evidence: EXECUTED_TEMPLATE,
    })
  }

  /** Keys of `__dict__` and of slots. A second BUILD would call what the first put under `__setstate__`. */
  #judgeState(state: Value, offset: number, depth: number): void {
    const object = this.machine.resolve(state, MAX_STATE_ITEMS - this.#stateItems)
    if (object?.kind === 'call') {
      // A dict of another class, such as OrderedDict, is a state too.
      const key = this.#specialKeys.get(state) ?? this.#specialText(object.args, 0)
      if (key !== undefined) this.sight(SPECIAL_STATE, `BUILD sets ${key}`, offset, { evidence: key })
      return
    }
    if (object?.kind !== 'container') return
    this.#stateItems += object.items.length
    if (this.#stateItems >= MAX_STATE_ITEMS) {
      this.sight(OVER_BUDGET, 'the states of objects have more keys than are looked at', offset)
    }
    if (object.type === 'tuple') {
      if (depth === 0) for (const part of object.items.slice(0, 2)) this.#judgeState(part, offset, 1)
      return
    }
    if (object.type !== 'dict') return
    for (let index = 0; index < object.items.length; index += 2) {
      const key = this.#attributeName(object.items[index] ?? Number.NaN)
      if (key === EXECUTED_TEMPLATE) this.#judgeTemplate(object.items[index + 1], offset)
      else if (key !== undefined) this.sight(SPECIAL_STATE, `BUILD sets ${key}`, offset, { evidence: key })
    }
  }

  /** The name of an attribute that a state should not set, or undefined for any other key. */
  #attributeName(key: Value): string | undefined {
    if (key < 0) return this.machine.resolve(key, 0)?.kind === 'call' ? 'a computed name' : undefined
    const constant = this.machine.constant(key, 64)
    if (constant?.type !== 'text' && constant?.type !== 'string') return undefined
    const name = constant.value
    if (name === EXECUTED_TEMPLATE) return name
    return name.startsWith('__') && name.endsWith('__') && !PLAIN_SPECIALS.has(name) ? name : undefined
  }

  /** A text anywhere in the arguments of a call that makes a dict, if it could be such a name. */
  #specialText(value: Value, depth: number): string | undefined {
    if (value >= 0) return this.#attributeName(value)
    const object = depth > 4 ? undefined : this.machine.resolve(value, 1000)
    const parts = object?.kind === 'container' ? object.items : object?.kind === 'call' ? [object.args] : []
    for (const part of parts) {
      const found = this.#specialText(part, depth + 1)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/**
 * Distributions of scipy.stats execute this attribute when they are given their state
 * (`rv_generic._attach_argparser_methods`). SciPy writes three functions that hand on their arguments.
 */
const EXECUTED_TEMPLATE = '_parse_arg_template'
const HANDS_ON_ARGUMENTS =
  /^\n?(?:def _parse_args(?:_rvs|_stats)?\(self, [\w ,=']*\):\n {4}return (?:self\._argcheck_rvs)?\([\w ,=]*\)[\w ,]*\n\n?){3}$/

function isOldStyle(call: CallValue): boolean {
  return call.opcode === 'INST' || call.opcode === 'OBJ'
}

export interface PolicyMark {
  readonly sightings: number
  readonly imports: number
  readonly calls: number
}
