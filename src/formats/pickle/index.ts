export type { Constant } from './constants.ts'
export { readConstant } from './constants.ts'
export type { BreakCode, PickleEnd, PickleOptions, PickleVisitor } from './machine.ts'
export { PickleMachine } from './machine.ts'
export { Memo } from './memo.ts'
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
