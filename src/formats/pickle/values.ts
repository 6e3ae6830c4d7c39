/**
 * What stands on the abstract machine's stack, in eight bytes, so that a stream of millions of opcodes makes no garbage.
 * Zero and above is a constant: the offset of the opcode that pushed it, decoded only when somebody asks. Below are
 * containers, calls and other objects, which the machine that gave the value resolves.
 */
export type Value = number

export type PickleObject = GlobalValue | CallValue | ContainerValue | PersistentValue | BufferValue

export type GlobalOpcode = 'GLOBAL' | 'STACK_GLOBAL' | 'INST' | 'EXT'

/** Something imported by name. */
export interface GlobalValue {
  readonly kind: 'global'
  /** As written in the stream; undefined when it was computed while loading. */
  readonly module: string | undefined
  readonly name: string | undefined
  readonly opcode: GlobalOpcode
  readonly offset: number
  /** As said by the last PROTO opcode before it; below 3 the names of Python 2 are translated, from 4 dots are walked. */
  readonly protocol: number
  /** Code in the extension registry; its names are known if this process of loading registered them. */
  readonly extensionCode: number | undefined
}

export const CALL_OPCODES = ['REDUCE', 'NEWOBJ', 'NEWOBJ_EX', 'INST', 'OBJ'] as const
export type CallOpcode = (typeof CALL_OPCODES)[number]

/** The result of calling something. */
export interface CallValue {
  readonly kind: 'call'
  readonly callee: Value
  /** The value given as arguments, a tuple in a well-formed stream. */
  readonly args: Value
  readonly keywords: Value | undefined
  readonly opcode: CallOpcode
  readonly offset: number
  /** States that BUILD gave it so far, in order. */
  readonly states: readonly Value[]
}

export const CONTAINER_TYPES = ['tuple', 'list', 'dict', 'set', 'frozenset'] as const
export type ContainerType = (typeof CONTAINER_TYPES)[number]

export interface ContainerValue {
  readonly kind: 'container'
  readonly type: ContainerType
  /** Keys and values take turns in a dict. Cut at the limit that was asked for. */
  readonly items: readonly Value[]
  /** Items that exist and are not in `items`: beyond the limit, or constants that the budget had no room for. */
  readonly missing: number
}

/** What the loader's `persistent_load` gives for an id. */
export interface PersistentValue {
  readonly kind: 'persistent'
  readonly id: Value
  readonly offset: number
}

/** An out-of-band buffer (protocol 5), which comes from the caller of the loader. */
export interface BufferValue {
  readonly kind: 'buffer'
  readonly offset: number
}
