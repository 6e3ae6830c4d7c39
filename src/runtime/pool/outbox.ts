import { FrameWriter } from '../protocol/index.ts'

const CHUNK_BYTES = 64 * 1024
const SPARE_CHUNKS = 4

/** Gathers the frames of one turn of the event loop in reused buffers and writes them together. */
export class Outbox {
  readonly #write: (bytes: Uint8Array, written: () => void) => void
  readonly #spare: FrameWriter[] = []
  #current: FrameWriter | undefined
  #isScheduled = false
  readonly #flushScheduled = () => {
    this.#isScheduled = false
    this.flush()
  }

  /** @param write sends bytes; calls `written` once their memory may be used again */
  constructor(write: (bytes: Uint8Array, written: () => void) => void) {
    this.#write = write
  }

  /** A writer with room for one frame of at most `bytes`, which is sent at the end of this turn. */
  room(bytes: number): FrameWriter {
    if (this.#current !== undefined && this.#current.freeBytes < bytes) this.flush()
    this.#current ??=
      (bytes <= CHUNK_BYTES ? this.#spare.pop() : undefined) ?? new FrameWriter(Math.max(bytes, CHUNK_BYTES))
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#flushScheduled)
    }
    return this.#current
  }

  flush(): void {
    const chunk = this.#current
    this.#current = undefined
    if (chunk === undefined || chunk.end === 0) return
    this.#write(chunk.bytes.subarray(0, chunk.end), () => {
      chunk.end = 0
      if (chunk.bytes.length === CHUNK_BYTES && this.#spare.length < SPARE_CHUNKS) this.#spare.push(chunk)
    })
  }
}
