export type { GgufReading, GgufString } from './read-gguf.ts'
export { readGguf } from './read-gguf.ts'
