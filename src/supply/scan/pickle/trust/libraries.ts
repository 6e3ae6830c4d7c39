import type { LibraryTable } from './library.ts'

export function libraryTable(_root: string): LibraryTable | undefined {
  return undefined
}
