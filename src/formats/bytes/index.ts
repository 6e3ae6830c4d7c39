export type { ByteSource } from './byte-source.ts'
export { fileSource, indexOfBytes, memorySource, readAll, sliceSource } from './byte-source.ts'
export { Cursor } from './cursor.ts'
