/** What a worker may use. Every limit ends in a typed error; one that the worker itself breaks ends the worker. */
export interface WorkerLimits {
  /** From spawn to READY, in milliseconds. */
  readonly loadTimeoutMs: number
  /** The longest one call may keep the worker busy, in milliseconds; then it is killed. */
  readonly inferTimeoutMs: number
  /** Most memory of the worker, in bytes. */
  readonly memoryLimitBytes: number
  /** Calls that may wait for the worker, the running one included. */
  readonly maxQueuedCalls: number
  /** Encoded bytes of these calls. */
  readonly maxQueuedBytes: number
  /** Largest encoded request of one call, in bytes. */
  readonly maxRequestBytes: number
  /** Largest encoded answer to one call, in bytes. */
  readonly maxAnswerBytes: number
  /**
   * Rows of calls that wait together which may run as one; 1 runs each call alone. More is for models whose rows do not
   * influence each other, which their author must say: otherwise what one caller sends changes what another gets.
   */
  readonly maxBatchRows: number
}

const MIB = 2 ** 20

export const DEFAULT_LIMITS: WorkerLimits = {
  loadTimeoutMs: 30_000,
  inferTimeoutMs: 5_000,
  memoryLimitBytes: 2048 * MIB,
  maxQueuedCalls: 512,
  maxQueuedBytes: 64 * MIB,
  maxRequestBytes: 16 * MIB,
  maxAnswerBytes: 16 * MIB,
  maxBatchRows: 1,
}
