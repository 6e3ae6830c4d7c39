import type { SallyportError } from '../core/index.ts'
import type { Receipt } from './event.ts'
import type { Position } from './files.ts'
import { GrowableBuffer } from './growable-buffer.ts'

export interface Waiter {
  readonly receipt: Receipt
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: SallyportError) => void
}

/** Events that will become durable together. */
export class Batch {
  /** Entry frames. */
  readonly entries = new GrowableBuffer(256 * 1024)
  /** Side records. */
  readonly side = new GrowableBuffer(128 * 1024)
  waiters: Waiter[] = []
  /** Where the batch will stand in the files. */
  entriesStart = 0
  sideStart = 0

  beginAt({ entriesBytes, sideBytes }: Position): void {
    this.entriesStart = entriesBytes
    this.sideStart = sideBytes
  }

  get bytes(): number {
    return this.entries.length + this.side.length
  }

  /** @returns those who waited; the batch is empty and can be filled again */
  clear(): Waiter[] {
    const { waiters } = this
    this.waiters = []
    this.entries.clear()
    this.side.clear()
    return waiters
  }
}
