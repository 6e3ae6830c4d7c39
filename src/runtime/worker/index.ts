/** The process that holds a model: what runs in it, and what it must be able to read. */
export { addonDirectory, onnxruntimeDirectory } from './onnxruntime-package.ts'
export { type WorkerProgram, workerProgram } from './program.ts'
