import type { ByteSource } from './byte-source.ts'

/**
 * Reads little-endian values one after another from a source. It never throws: past the end it gives zeros and
 * remembers that it was short, which the caller checks where it matters.
 */
export class Cursor {
  readonly source: ByteSource
  position: number
  /** True once anything was asked for that is not there. */
  isShort = false

  constructor(source: ByteSource, position = 0) {
    this.source = source
    this.position = position
  }

  get remaining(): number {
    return Math.max(0, this.source.size - this.position)
  }

  u8(): number {
    return this.#take(1)[0] ?? 0
  }

  u16(): number {
    const bytes = this.#take(2)
    return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
  }

  u32(): number {
    const bytes = this.#take(4)
    return (
      ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24)) >>> 0
    )
  }

  /** As a number: exact below 2^53, and larger than any file above it. */
  u64(): number {
    const low = this.u32()
    return this.u32() * 0x1_0000_0000 + low
  }

  /** A copy; shorter than asked for only at the end of the source. */
  bytes(length: number): Buffer {
    return Buffer.from(this.#take(length))
  }

  skip(length: number): void {
    if (length > this.remaining) this.isShort = true
    this.position = Math.min(this.source.size, this.position + length)
  }

  #take(length: number): Uint8Array {
    const bytes = this.source.read(this.position, length)
    if (bytes.length < length) this.isShort = true
    this.position += bytes.length
    return bytes
  }
}
