import type { PickleMachine, Value } from '../../../formats/index.ts'
import { resolvedGlobal } from './arguments.ts'

/** An array that joblib wrote into the file behind the pickle of its wrapper. */
export type RawArray =
  | { readonly kind: 'bytes'; readonly length: number; readonly isAligned: boolean }
  /** `isLie`: the flags of the dtype say that its items are no objects. */
  | { readonly kind: 'pickle'; readonly isLie: boolean }
  | { readonly kind: 'unknown' }

const WRAPPER_MODULES: ReadonlySet<string> = new Set([
  'joblib.numpy_pickle',
  'sklearn.externals.joblib.numpy_pickle',
  'joblib.numpy_pickle_compat',
])

/** `NPY_ITEM_REFCOUNT` of a dtype's flags: items are references to objects. */
const ITEM_REFCOUNT = 1
const MAX_DIMENSIONS = 64

/**
 * What joblib reads from the file after BUILD of a `NumpyArrayWrapper` (`joblib/numpy_pickle.py`, `read_array`):
 * a pickle if the dtype has objects, else padding if the wrapper has an alignment, and the array's bytes. Undefined when
 * the value is no such wrapper.
 */
export function rawArrayOf(machine: PickleMachine, value: Value): RawArray | undefined {
  const call = machine.resolve(value, 0)
  if (call?.kind !== 'call') return undefined
  let callee = resolvedGlobal(machine, call.callee)
  if (callee?.module === 'copyreg') callee = resolvedGlobal(machine, machine.items(call.args, 1)?.[0])
  if (callee === undefined || !callee.name.endsWith('NumpyArrayWrapper')) return undefined
  if (!WRAPPER_MODULES.has(callee.module)) return undefined
  const state = stateOf(machine, call.states.at(-1))
  const dtype = state.get('dtype')
  const shape = state.get('shape')
  const count = shape === undefined ? undefined : product(machine, shape)
  const type = dtype === undefined ? undefined : dtypeOf(machine, dtype)
  if (type === undefined || count === undefined) return { kind: 'unknown' }
  if (type.hasObjects) return { kind: 'pickle', isLie: type.isLie }
  const alignment = state.get('numpy_array_alignment_bytes')
  const isAligned = alignment !== undefined && machine.constant(alignment)?.type === 'int'
  return { kind: 'bytes', length: count * type.itemBytes, isAligned }
}

function stateOf(machine: PickleMachine, state: Value | undefined): Map<string, Value> {
  const entries = new Map<string, Value>()
  const object = state === undefined ? undefined : machine.resolve(state)
  if (object?.kind !== 'container' || object.type !== 'dict') return entries
  for (let index = 0; index + 1 < object.items.length; index += 2) {
    const key = machine.constant(object.items[index] ?? Number.NaN, 128)
    const value = object.items[index + 1]
    if ((key?.type === 'text' || key?.type === 'string') && value !== undefined) entries.set(key.value, value)
  }
  return entries
}

function product(machine: PickleMachine, shape: Value): number | undefined {
  const items = machine.items(shape, MAX_DIMENSIONS + 1)
  if (items === undefined || items.length > MAX_DIMENSIONS) return undefined
  let count = 1
  for (const item of items) {
    const size = integerOf(machine, item)
    if (size === undefined || size < 0) return undefined
    count *= size
  }
  return Number.isSafeInteger(count) ? count : undefined
}

function integerOf(machine: PickleMachine, value: Value | undefined): number | undefined {
  const constant = value === undefined ? undefined : machine.constant(value)
  return constant?.type === 'int' ? Number(constant.value) : undefined
}

interface ItemType {
  readonly itemBytes: number
  readonly hasObjects: boolean
  readonly isLie: boolean
}

/** `numpy.dtype(text, False, True)` with its state `(version, order, subtype, names, fields, size, alignment, flags)`. */
function dtypeOf(machine: PickleMachine, value: Value): ItemType | undefined {
  const call = machine.resolve(value, 0)
  if (call?.kind !== 'call') return undefined
  const text = machine.constant(machine.items(call.args, 1)?.[0] ?? Number.NaN, 64)
  if (text?.type !== 'text' && text?.type !== 'string') return undefined
  const match = /^[<>|=]?([a-zA-Z?])(\d*)$/.exec(text.value)
  const kind = match?.[1]
  if (kind === undefined) return undefined
  const state = machine.items(call.states.at(-1) ?? Number.NaN)
  const flags = integerOf(machine, state?.[7])
  const stateBytes = integerOf(machine, state?.[5])
  const own = Number(match?.[2] || (kind === '?' ? 1 : 0)) * (kind === 'U' ? 4 : 1)
  const itemBytes = stateBytes !== undefined && stateBytes > 0 ? stateBytes : own
  const hasObjects = kind === 'O' || (kind === 'V' && ((flags ?? 0) & ITEM_REFCOUNT) !== 0)
  const isLie = kind === 'O' && flags !== undefined && (flags & ITEM_REFCOUNT) === 0
  return itemBytes > 0 || hasObjects ? { itemBytes, hasObjects, isLie } : undefined
}
