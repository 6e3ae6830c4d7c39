export type { Codec, StreamEnd } from './decompress.ts'
export { decompress, decompressSmall, detectCodec } from './decompress.ts'
