const KEEP_BYTES = 4 * 1024 * 1024

/** Bytes that are appended to, written out and cleared, again and again, without a new allocation each time. */
export class GrowableBuffer {
  bytes: Buffer
  length = 0
  readonly #initialBytes: number

  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes
    this.bytes = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Makes room for `extra` bytes after `length`. */
  reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  filled(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  /** Drops the first `count` bytes. */
  discard(count: number): void {
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }

  clear(): void {
    this.length = 0
    // One burst must not hold its memory for ever.
    if (this.bytes.length > KEEP_BYTES) this.bytes = Buffer.allocUnsafeSlow(this.#initialBytes)
  }
}
