import type { Finding } from '../../core/index.ts'

/** One file of an artifact, as intake stored it. */
export interface ScannedFile {
  /** Relative, with `/` between segments. */
  readonly path: string
  readonly sizeBytes: number
  /** All of its bytes. Rejects when they cannot be had or are not what was stored. */
  bytes(): Promise<Uint8Array>
}

/** What reads one format for the scanner. Neither method throws for what the bytes hold. */
export interface FormatReader {
  readonly format: string
  /** Whether a loader of this format would take these bytes. Decided by the bytes alone, never by a name. */
  recognises(bytes: Uint8Array): boolean
  /** Everything that is wrong with them. The path locates findings; it may add suspicion, never remove it. */
  check(bytes: Uint8Array, path: string): Finding[]
}
