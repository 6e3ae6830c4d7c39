import type { ByteSource } from '../bytes/index.ts'

/** Thrown inside a decoder of this folder, never out of it: the stream cannot be followed further. */
export class BrokenStream extends Error {}

const PIECE_BYTES = 64 * 1024

/** Bytes and bits one after another, most significant bit first. */
export class BitInput {
  readonly #source: ByteSource
  #piece: Uint8Array = new Uint8Array(0)
  #pieceStart: number
  #index = 0
  #bits = 0
  #bitCount = 0

  constructor(source: ByteSource, position = 0) {
    this.#source = source
    this.#pieceStart = position
  }

  /** Where the next whole byte is read. */
  get position(): number {
    return this.#pieceStart + this.#index
  }

  byte(): number {
    if (this.#index >= this.#piece.length) this.#refill()
    return this.#piece[this.#index++] ?? 0
  }

  /** At most 24 bits at once. */
  bits(count: number): number {
    while (this.#bitCount < count) {
      this.#bits = ((this.#bits & 0xff_ffff) << 8) | this.byte()
      this.#bitCount += 8
    }
    this.#bitCount -= count
    return (this.#bits >>> this.#bitCount) & ((1 << count) - 1)
  }

  /** Drops the bits left of a byte begun. */
  align(): void {
    this.#bitCount -= this.#bitCount % 8
  }

  u32le(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0
  }

  bytes(length: number): Buffer {
    const result = Buffer.alloc(Math.min(length, Math.max(0, this.#source.size - this.position)))
    for (let index = 0; index < result.length; index++) result[index] = this.byte()
    if (result.length < length) throw new BrokenStream('the stream ends early')
    return result
  }

  #refill(): void {
    this.#pieceStart += this.#piece.length
    this.#index = 0
    // A copy: the view of a source is valid only until its next read.
    this.#piece = Buffer.from(this.#source.read(this.#pieceStart, PIECE_BYTES))
    if (this.#piece.length === 0) throw new BrokenStream('the stream ends early')
  }
}
