/** What examining one file may cost. What needs more is reported as unread. */
export interface ScanBudget {
  /** Containers inside containers. */
  readonly maxDepth: number
  /** Bytes that decompression may give, over all streams of the file. */
  readonly maxExpandedBytes: number
  /** How many times larger than the file that may become, past `freeExpandedBytes`. */
  readonly maxRatio: number
  readonly freeExpandedBytes: number
  /** Blobs over all containers of the file. */
  readonly maxBlobs: number
  readonly maxFindings: number
  /** Of a text or a format that is read in one piece. */
  readonly maxWholeBytes: number
  readonly maxOpcodes: number
  /** Milliseconds for the whole file; the process that waits stops the worker a little later. */
  readonly timeLimitMs: number
}

export const DEFAULT_SCAN_BUDGET: ScanBudget = {
  maxDepth: 8,
  maxExpandedBytes: 8 * 1024 ** 3,
  maxRatio: 200,
  freeExpandedBytes: 256 * 1024 ** 2,
  maxBlobs: 200_000,
  maxFindings: 200,
  maxWholeBytes: 64 * 1024 ** 2,
  maxOpcodes: 100_000_000,
  timeLimitMs: 300_000,
}
