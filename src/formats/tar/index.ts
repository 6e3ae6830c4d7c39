export type { TarMember, TarReading } from './read-tar.ts'
export { readTar } from './read-tar.ts'
