export type { WireBudget } from './wire-reader.ts'
export {
  DEFAULT_WIRE_BUDGET,
  FIXED32,
  FIXED64,
  LENGTH,
  VARINT,
  WireFile,
  WireMessage,
} from './wire-reader.ts'
export { WireWriter } from './wire-writer.ts'
