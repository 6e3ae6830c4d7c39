/** Worker processes and what keeps them running. */
export { DEFAULT_LIMITS, type WorkerLimits } from './limits.ts'
export {
  DEFAULT_RESTARTS,
  ModelRuntime,
  type ModelRuntimeOptions,
  type ModelSource,
  type RestartPolicy,
  type RunningModel,
} from './model-runtime.ts'
export { type InferOptions, ModelWorker, type WorkerStats } from './model-worker.ts'
export type { RuntimeEvent } from './runtime-event.ts'
export type { VerifiedModel } from './verified-model.ts'
export type { ExitReason, WorkerExit } from './worker-exit.ts'
export type { TensorMetadata, WorkerMetadata } from './worker-metadata.ts'
