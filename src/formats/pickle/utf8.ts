/**
 * Checks UTF-8 as CPython's decoder does, over any number of chunks. With `allowsSurrogates` it is the error handler
 * `surrogatepass`, which pickle uses for text.
 */
export class Utf8Check {
  readonly #allowsSurrogates: boolean
  #expected = 0
  #lower = 0x80
  #upper = 0xbf

  constructor(allowsSurrogates: boolean) {
    this.#allowsSurrogates = allowsSurrogates
  }

  /** False as soon as the bytes cannot be UTF-8. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      const byte = bytes[at] ?? 0
      if (this.#expected > 0) {
        if (byte < this.#lower || byte > this.#upper) return false
        this.#lower = 0x80
        this.#upper = 0xbf
        this.#expected--
      } else if (byte >= 0x80 && !this.#startSequence(byte)) {
        return false
      }
      at++
    }
    return true
  }

  /** False when a sequence was cut off. */
  get isComplete(): boolean {
    return this.#expected === 0
  }

  #startSequence(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false
    if (byte < 0xe0) this.#expected = 1
    else if (byte < 0xf0) {
      this.#expected = 2
      if (byte === 0xe0) this.#lower = 0xa0
      if (byte === 0xed && !this.#allowsSurrogates) this.#upper = 0x9f
    } else {
      this.#expected = 3
      if (byte === 0xf0) this.#lower = 0x90
      if (byte === 0xf4) this.#upper = 0x8f
    }
    return true
  }
}
