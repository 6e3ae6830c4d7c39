import type { Blob } from '../engine/blob.ts'
import type { Examination } from '../engine/examination.ts'

/** Examines one blob as one format: reports what it sees, hands inner blobs to `descend`. */
export interface CheckContext {
  readonly examination: Examination
  /** Examines something that lies inside, as whatever it is. */
  readonly descend: (blob: Blob) => Promise<void>
}
