/** Mutations of bytes, the same for the same seed. */
export class Mutator {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** xorshift32; below `limit`. */
  next(limit: number): number {
    let state = this.#state || 1
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state % limit
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.next(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** One to four changes: bits, bytes, stretches deleted, doubled or taken from another input, the end cut off. */
  mutate(input: Uint8Array, other: Uint8Array): Buffer {
    let bytes = Buffer.from(input)
    for (let count = 1 + this.next(4); count > 0 && bytes.length > 0; count--) {
      const at = this.next(bytes.length)
      const end = Math.min(bytes.length, at + 1 + this.next(16))
      switch (this.next(7)) {
        case 0:
          bytes[at] = (bytes[at] ?? 0) ^ (1 << this.next(8))
          break
        case 1:
          bytes[at] = this.next(256)
          break
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
          break
        case 3:
          bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
          break
        case 4: {
          const from = this.next(other.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + 32), bytes.subarray(at)])
          break
        }
        case 5:
          bytes = bytes.subarray(0, at)
          break
        default:
          bytes.fill(this.pick([0, 0xff, 0x7f, 0x80]), at, Math.min(end, at + 8))
      }
    }
    return bytes
  }
}
