import { dirname, extname, join } from 'node:path'

/** The program of a worker. */
export const WORKER_ENTRY: string = join(import.meta.dirname, `main${extname(import.meta.filename)}`)

/** Folders of its own code. */
export const WORKER_CODE: readonly string[] = [
  import.meta.dirname,
  join(dirname(import.meta.dirname), 'protocol'),
]

export { addonDirectory, onnxruntimeDirectory } from './onnxruntime-package.ts'
