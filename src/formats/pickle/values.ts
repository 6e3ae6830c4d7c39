/**
 * What stands on the abstract machine's stack. A constant is only the offset of the opcode that pushed it: nothing is
 * decoded or kept until somebody asks, so a stream of millions of strings costs eight bytes each.
 */
export type Value = number | PickleObject

export type PickleObject = GlobalValue | CallValue | ContainerValue | PersistentValue | BufferValue

export type GlobalOpcode = 'GLOBAL' | 'STACK_GLOBAL' | 'INST' | 'EXT'

/** Something imported by name. */
export class GlobalValue {
  readonly kind = 'global'
  /** As written in the stream; undefined when it was computed while loading. */
  readonly module: string | undefined
  readonly name: string | undefined
  readonly opcode: GlobalOpcode
  readonly offset: number
  /** As said by the last PROTO opcode before it; below 3 the names of Python 2 are translated, from 4 dots are walked. */
  readonly protocol: number
  /** Code of an extension registry entry that the stream itself did not make. */
  readonly extensionCode: number | undefined

  constructor(
    module: string | undefined,
    name: string | undefined,
    opcode: GlobalOpcode,
    offset: number,
    protocol: number,
    extensionCode?: number,
  ) {
    this.module = module
    this.name = name
    this.opcode = opcode
    this.offset = offset
    this.protocol = protocol
    this.extensionCode = extensionCode
  }
}

export type CallOpcode = 'REDUCE' | 'NEWOBJ' | 'NEWOBJ_EX' | 'INST' | 'OBJ'

/** The result of calling something. */
export class CallValue {
  readonly kind = 'call'
  readonly callee: Value
  /** The value given as arguments, a tuple in a well-formed stream. */
  readonly args: Value
  readonly keywords: Value | undefined
  readonly opcode: CallOpcode
  readonly offset: number
  /** States that BUILD gave it, in order. */
  states: Value[] | undefined
  /** Objects put in by APPEND, SETITEM and ADDITEMS. Constants are not kept. */
  members: PickleObject[] | undefined

  constructor(callee: Value, args: Value, keywords: Value | undefined, opcode: CallOpcode, offset: number) {
    this.callee = callee
    this.args = args
    this.keywords = keywords
    this.opcode = opcode
    this.offset = offset
    this.states = undefined
    this.members = undefined
  }
}

export type ContainerType = 'tuple' | 'list' | 'dict' | 'set' | 'frozenset'

export class ContainerValue {
  readonly kind = 'container'
  readonly type: ContainerType
  /** Keys and values take turns in a dict. */
  readonly items: Value[]
  readonly offset: number
  /** Constants beyond the budget, which were counted and not kept. */
  dropped = 0

  constructor(type: ContainerType, items: Value[], offset: number) {
    this.type = type
    this.items = items
    this.offset = offset
  }
}

/** What the loader's `persistent_load` gives for an id. */
export class PersistentValue {
  readonly kind = 'persistent'
  readonly id: Value
  readonly offset: number

  constructor(id: Value, offset: number) {
    this.id = id
    this.offset = offset
  }
}

/** An out-of-band buffer (protocol 5), which comes from the caller of the loader. */
export class BufferValue {
  readonly kind = 'buffer'
  readonly offset: number

  constructor(offset: number) {
    this.offset = offset
  }
}

/** The items of a tuple, or undefined for anything else. */
export function tupleItems(value: Value | undefined): readonly Value[] | undefined {
  return typeof value === 'object' && value.kind === 'container' && value.type === 'tuple'
    ? value.items
    : undefined
}
