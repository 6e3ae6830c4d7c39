import { readAt, sync, writeAtSync } from './file-access.ts'
import { GrowableBuffer } from './growable-buffer.ts'

/**
 * An append-only file that can be computed again from the entries. It is written late and in large pieces, and only what
 * belongs to acknowledged commits is ever written.
 */
export class DerivedFile {
  readonly #fd: number
  /** Appended, not yet in the file. Callers append here. */
  readonly pending = new GrowableBuffer(64 * 1024)
  #writtenBytes: number
  #sealedBytes: number
  #committedBytes: number
  #isDirty = false

  /** @param length of the file, all of it valid */
  constructor(fd: number, length: number) {
    this.#fd = fd
    this.#writtenBytes = length
    this.#sealedBytes = length
    this.#committedBytes = length
  }

  /** What is pending now belongs to the commit that begins. */
  seal(): void {
    this.#sealedBytes = this.#writtenBytes + this.pending.length
  }

  /** The commit that was sealed is durable. */
  commit(): void {
    this.#committedBytes = this.#sealedBytes
  }

  /** Hands what is committed to the operating system. */
  flush(): void {
    const count = this.#committedBytes - this.#writtenBytes
    if (count === 0) return
    writeAtSync(this.#fd, this.pending.bytes.subarray(0, count), this.#writtenBytes)
    this.#writtenBytes += count
    this.#isDirty = true
    if (count === this.pending.length) this.pending.clear()
    else this.pending.discard(count)
  }

  /** Makes what was flushed durable. */
  async sync(): Promise<void> {
    if (!this.#isDirty) return
    this.#isDirty = false
    await sync(this.#fd)
  }

  /** Committed bytes; flushes first. */
  read(position: number, length: number): Promise<Buffer> {
    this.flush()
    return readAt(this.#fd, position, length)
  }
}
