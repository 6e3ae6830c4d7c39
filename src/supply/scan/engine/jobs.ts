import type { FileReport } from '../report.ts'
import type { ScanBudget } from './budget.ts'
import type { ExaminedFile } from './unreadable.ts'

/** What the worker is started with. */
export interface WorkerInput {
  readonly budget: Partial<ScanBudget>
  readonly allowGlobals: readonly string[]
  readonly isExplained: boolean
  /** Reports by `cacheKey`. */
  readonly known: ReadonlyMap<string, FileReport>
  /** `STATE_*` below; shared, so that the other side sees it while this one is busy. */
  readonly state: SharedArrayBuffer
}

export interface Job {
  readonly id: number
  /** Where to read. */
  readonly path: string
  /** How to call it. */
  readonly displayPath: string
}

export interface JobDone {
  readonly id: number
  readonly report: ExaminedFile
}

/** The id of the job at work, when it began (milliseconds since the epoch), bytes hashed of it. */
export const STATE_JOB = 0
export const STATE_STARTED = 1
export const STATE_BYTES = 2
export const STATE_LENGTH = 3

/** The same bytes under another kind of name may be judged differently. */
export function cacheKey(sha256: string, path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1)
  return `${sha256} ${base}`
}

export function isWorkerInput(value: unknown): value is WorkerInput {
  return (
    typeof value === 'object' &&
    value !== null &&
    'state' in value &&
    value.state instanceof SharedArrayBuffer
  )
}
