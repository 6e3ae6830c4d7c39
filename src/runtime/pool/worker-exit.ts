/** Why a worker is gone. */
export type ExitReason =
  | 'stopped' // asked to
  | 'crashed' // exited or was killed by something else
  | 'load-failed' // could not load its model, or not in time
  | 'hung' // a call ran past its limit
  | 'protocol-violation' // it sent what no honest worker sends
  | 'digest-mismatch' // it loaded something else
  | 'memory-exceeded'

export interface WorkerExit {
  readonly reason: ExitReason
  readonly exitCode: number | null
  readonly signal: string | null
  /** What was violated; never content. */
  readonly detail: string | undefined
}
