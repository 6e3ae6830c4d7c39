import { read } from 'node:fs'

const READ_BYTES = 256 * 1024

/** Reads a file from its start, once, in large pieces. */
export class FileCursor {
  readonly #fd: number
  #buffer: Buffer = Buffer.alloc(0)
  #isAtEnd = false
  /** Bytes taken so far. */
  position = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  /** What stands at the position: at least `count` bytes, fewer only when the file ends before. */
  async peek(count: number): Promise<Buffer> {
    while (this.#buffer.length < count && !this.#isAtEnd) await this.#readMore(count)
    return this.#buffer
  }

  /** Moves on behind bytes that were peeked. */
  advance(count: number): void {
    this.#buffer = this.#buffer.subarray(count)
    this.position += count
  }

  /** The next `count` bytes, fewer only at the end of the file. */
  async take(count: number): Promise<Buffer> {
    const bytes = (await this.peek(count)).subarray(0, count)
    this.advance(bytes.length)
    return bytes
  }

  #readMore(count: number): Promise<void> {
    const larger = Buffer.allocUnsafe(Math.max(READ_BYTES, count) + this.#buffer.length)
    this.#buffer.copy(larger)
    const kept = this.#buffer.length
    return new Promise((resolve, reject) => {
      read(this.#fd, larger, kept, larger.length - kept, this.position + kept, (error, bytesRead) => {
        if (error !== null) {
          reject(error)
          return
        }
        if (bytesRead === 0) this.#isAtEnd = true
        this.#buffer = larger.subarray(0, kept + bytesRead)
        resolve()
      })
    })
  }
}
