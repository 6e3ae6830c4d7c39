/** Time as a parameter, so that tests are exact. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** RFC 3339 in UTC with milliseconds, the one form in which Sallyport writes a time. */
export function toTimestamp(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
