export type { Constant, Extent } from './constants.ts'
export { bytesExtent, readConstant } from './constants.ts'
export type { BreakCode, PickleEnd, PickleOptions, PickleVisitor } from './machine.ts'
export { PickleMachine } from './machine.ts'
export { OPCODE_NAMES } from './opcodes.ts'
export { resolvePython2Name } from './python2-names.ts'
export type {
  BufferValue,
  CallOpcode,
  CallValue,
  ContainerType,
  ContainerValue,
  GlobalOpcode,
  GlobalValue,
  PersistentValue,
  PickleObject,
  Value,
} from './values.ts'
