import { BrokenStream } from './bit-input.ts'

/** What a dictionary decoder has put out: the last `size` bytes to copy from, and pieces to hand on. */
export class OutputWindow {
  readonly #ring: Uint8Array
  #position = 0
  #handedOn = 0
  #total = 0

  constructor(size: number) {
    this.#ring = new Uint8Array(Math.max(size, 4096))
  }

  get total(): number {
    return this.#total
  }

  /** True when a piece should be taken before more is put: the ring must not overtake what was not handed on. */
  get isFull(): boolean {
    return this.#total - this.#handedOn >= this.#ring.length - 512
  }

  put(byte: number): void {
    this.#ring[this.#position] = byte
    this.#position = this.#position + 1 === this.#ring.length ? 0 : this.#position + 1
    this.#total++
  }

  at(distance: number): number {
    if (distance > this.#total || distance > this.#ring.length || distance < 1) {
      throw new BrokenStream('a copy from before the start')
    }
    const index = this.#position - distance
    return this.#ring[index < 0 ? index + this.#ring.length : index] ?? 0
  }

  copy(distance: number, length: number): void {
    for (let index = 0; index < length; index++) this.put(this.at(distance))
  }

  /** What was put since the last take, as a copy. */
  take(): Buffer {
    const length = this.#total - this.#handedOn
    const piece = Buffer.allocUnsafe(length)
    const start = (this.#position - length + this.#ring.length) % this.#ring.length
    const first = Math.min(length, this.#ring.length - start)
    piece.set(this.#ring.subarray(start, start + first), 0)
    if (first < length) piece.set(this.#ring.subarray(0, length - first), first)
    this.#handedOn = this.#total
    return piece
  }
}
