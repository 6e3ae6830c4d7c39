/** Where a model runs: one process per model version, given verified bytes and trusted with nothing. */
export {
  DEFAULT_LIMITS,
  DEFAULT_RESTARTS,
  type ExitReason,
  type InferOptions,
  ModelRuntime,
  type ModelRuntimeOptions,
  type ModelSource,
  ModelWorker,
  type RestartPolicy,
  type RunningModel,
  type RuntimeEvent,
  type TensorMetadata,
  type VerifiedModel,
  type WorkerExit,
  type WorkerLimits,
  type WorkerMetadata,
  type WorkerStats,
} from './pool/index.ts'
export type { SandboxTier } from './sandbox/index.ts'
