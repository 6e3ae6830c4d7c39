import type { SandboxTier } from '../sandbox/index.ts'
import type { ExitReason } from './worker-exit.ts'

/** What an operator and the log should know. The data is public: never content. */
export type RuntimeEvent =
  | {
      readonly type: 'worker.ready'
      readonly data: {
        readonly artifact: string
        readonly digest: string
        readonly tier: SandboxTier
        readonly pid: number
        readonly startMs: number
      }
    }
  | {
      readonly type: 'worker.exited'
      readonly data: {
        readonly artifact: string
        readonly pid: number
        readonly reason: ExitReason
        readonly exitCode: number | null
        readonly signal: string | null
        readonly detail: string | null
      }
    }
  | {
      readonly type: 'worker.start-failed'
      readonly data: { readonly artifact: string; readonly code: string; readonly retryInMs: number }
    }
  | {
      /** Starts go on, at the longest delay, until one holds. */
      readonly type: 'worker.crash-loop'
      readonly data: { readonly artifact: string; readonly failures: number; readonly retryInMs: number }
    }
