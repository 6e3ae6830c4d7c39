import { type BitInput, BrokenStream } from './bit-input.ts'
import { OutputWindow } from './window.ts'

/**
 * LZMA as the LZMA SDK specifies it (lzma-specification.txt, public domain). One decoder serves the .lzma container, the
 * chunks of LZMA2 and the streams inside 7z.
 */
export class LzmaDecoder {
  readonly window: OutputWindow
  readonly #input: BitInput
  #lc = 0
  #lp = 0
  #pb = 0
  #range = 0
  #code = 0
  #state = 0
  #reps: [number, number, number, number] = [0, 0, 0, 0]
  #pending = 0
  #literals = new Uint16Array(0)
  readonly #isMatch = new Uint16Array(192)
  readonly #isRep = new Uint16Array(12)
  readonly #isRepG0 = new Uint16Array(12)
  readonly #isRepG1 = new Uint16Array(12)
  readonly #isRepG2 = new Uint16Array(12)
  readonly #isRep0Long = new Uint16Array(192)
  readonly #slots = [0, 1, 2, 3].map(() => new Uint16Array(64))
  readonly #special = new Uint16Array(128)
  readonly #align = new Uint16Array(16)
  readonly #length = new LengthCoder()
  readonly #repLength = new LengthCoder()

  constructor(input: BitInput, dictionaryBytes: number) {
    this.#input = input
    this.window = new OutputWindow(dictionaryBytes + 1024)
  }

  /** The byte that holds lc, lp and pb. */
  setProperties(byte: number): void {
    if (byte >= 9 * 5 * 5) throw new BrokenStream('LZMA properties out of range')
    this.#lc = byte % 9
    this.#lp = Math.floor(byte / 9) % 5
    this.#pb = Math.floor(byte / 45)
    this.resetState()
  }

  resetState(): void {
    this.#literals = new Uint16Array(0x300 << (this.#lc + this.#lp)).fill(1024)
    for (const table of [
      this.#isMatch,
      this.#isRep,
      this.#isRepG0,
      this.#isRepG1,
      this.#isRepG2,
      this.#isRep0Long,
      this.#special,
      this.#align,
      ...this.#slots,
    ]) {
      table.fill(1024)
    }
    this.#length.reset()
    this.#repLength.reset()
    this.#state = 0
    this.#reps = [0, 0, 0, 0]
    this.#pending = 0
  }

  startRange(): void {
    if (this.#input.byte() !== 0) throw new BrokenStream('an LZMA stream begins with a zero byte')
    this.#range = 0xffff_ffff
    this.#code = 0
    for (let index = 0; index < 4; index++) this.#code = ((this.#code << 8) | this.#input.byte()) >>> 0
  }

  /** Decodes until `limit` bytes were put out in all, or the end marker; true at the end marker. */
  *decode(limit: number): Generator<Buffer, boolean> {
    const window = this.window
    while (window.total < limit) {
      if (window.isFull) yield window.take()
      if (this.#pending > 0) {
        const count = Math.min(this.#pending, limit - window.total, 256)
        window.copy(this.#reps[0] + 1, count)
        this.#pending -= count
        continue
      }
      const posState = window.total & ((1 << this.#pb) - 1)
      if (this.#bit(this.#isMatch, (this.#state << 4) + posState) === 0) {
        this.#literal()
        continue
      }
      let length: number
      if (this.#bit(this.#isRep, this.#state) !== 0) {
        if (window.total === 0) throw new BrokenStream('a repeat before anything')
        const repeated = this.#repeat(posState)
        if (repeated) continue
        length = this.#repLength.decode(this, posState)
        this.#state = this.#state < 7 ? 8 : 11
      } else {
        this.#reps = [0, this.#reps[0], this.#reps[1], this.#reps[2]]
        length = this.#length.decode(this, posState)
        this.#state = this.#state < 7 ? 7 : 10
        this.#reps[0] = this.#distance(length)
        if (this.#reps[0] === 0xffff_ffff) return true
      }
      this.#pending = length + 2
    }
    return false
  }

  /** True when the whole of a one-byte repeat was put out. */
  #repeat(posState: number): boolean {
    const [rep0, rep1, rep2, rep3] = this.#reps
    if (this.#bit(this.#isRepG0, this.#state) === 0) {
      if (this.#bit(this.#isRep0Long, (this.#state << 4) + posState) !== 0) return false
      this.#state = this.#state < 7 ? 9 : 11
      this.window.put(this.window.at(rep0 + 1))
      return true
    }
    if (this.#bit(this.#isRepG1, this.#state) === 0) this.#reps = [rep1, rep0, rep2, rep3]
    else if (this.#bit(this.#isRepG2, this.#state) === 0) this.#reps = [rep2, rep0, rep1, rep3]
    else this.#reps = [rep3, rep0, rep1, rep2]
    return false
  }

  #literal(): void {
    const window = this.window
    const previous = window.total > 0 ? window.at(1) : 0
    const context = ((window.total & ((1 << this.#lp) - 1)) << this.#lc) + (previous >> (8 - this.#lc))
    const base = 0x300 * context
    let symbol = 1
    if (this.#state >= 7) {
      let matched = window.at(this.#reps[0] + 1)
      do {
        const matchBit = (matched >> 7) & 1
        matched = (matched << 1) & 0xff
        const bit = this.#bit(this.#literals, base + ((1 + matchBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (matchBit !== bit) break
      } while (symbol < 0x100)
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literals, base + symbol)
    window.put(symbol & 0xff)
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6
  }

  #distance(length: number): number {
    const table = this.#slots[Math.min(length, 3)] ?? this.#align
    const slot = this.tree(table, 0, 6)
    if (slot < 4) return slot
    const directBits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) * 2 ** directBits
    if (slot < 14) return base + this.#reverseTree(this.#special, base - slot, directBits)
    const high = this.#direct(directBits - 4) * 16
    return base + high + this.#reverseTree(this.#align, 0, 4)
  }

  #direct(count: number): number {
    let result = 0
    for (let index = 0; index < count; index++) {
      this.#range = this.#range >>> 1
      if (this.#code >= this.#range) {
        this.#code = (this.#code - this.#range) >>> 0
        result = result * 2 + 1
      } else {
        result *= 2
      }
      this.#normalize()
    }
    return result
  }

  tree(probabilities: Uint16Array, offset: number, bits: number): number {
    let node = 1
    for (let index = 0; index < bits; index++) node = (node << 1) | this.#bit(probabilities, offset + node)
    return node - (1 << bits)
  }

  #reverseTree(probabilities: Uint16Array, offset: number, bits: number): number {
    let node = 1
    let symbol = 0
    for (let index = 0; index < bits; index++) {
      const bit = this.#bit(probabilities, offset + node)
      node = (node << 1) | bit
      symbol |= bit << index
    }
    return symbol
  }

  #bit(probabilities: Uint16Array, index: number): number {
    const probability = probabilities[index] ?? 1024
    const bound = (this.#range >>> 11) * probability
    if (this.#code < bound) {
      probabilities[index] = probability + ((2048 - probability) >> 5)
      this.#range = bound
      this.#normalize()
      return 0
    }
    probabilities[index] = probability - (probability >> 5)
    this.#code = (this.#code - bound) >>> 0
    this.#range = (this.#range - bound) >>> 0
    this.#normalize()
    return 1
  }

  /** For the length coder. */
  bit(probabilities: Uint16Array, index: number): number {
    return this.#bit(probabilities, index)
  }

  #normalize(): void {
    if (this.#range >= 0x100_0000) return
    this.#range = (this.#range << 8) >>> 0
    this.#code = ((this.#code << 8) | this.#input.byte()) >>> 0
  }
}

class LengthCoder {
  readonly #choice = new Uint16Array(2)
  readonly #low = new Uint16Array(16 << 3)
  readonly #mid = new Uint16Array(16 << 3)
  readonly #high = new Uint16Array(256)

  reset(): void {
    for (const table of [this.#choice, this.#low, this.#mid, this.#high]) table.fill(1024)
  }

  decode(decoder: LzmaDecoder, posState: number): number {
    if (decoder.bit(this.#choice, 0) === 0) return decoder.tree(this.#low, posState << 3, 3)
    if (decoder.bit(this.#choice, 1) === 0) return 8 + decoder.tree(this.#mid, posState << 3, 3)
    return 16 + decoder.tree(this.#high, 0, 8)
  }
}

/** LZMA2 (xz-file-format 5.3.1): chunks, each raw or LZMA, until a zero control byte. */
export function* decodeLzma2(input: BitInput, dictionaryBytes: number): Generator<Buffer> {
  const decoder = new LzmaDecoder(input, dictionaryBytes)
  for (;;) {
    const control = input.byte()
    if (control === 0) break
    if (control < 0x80) {
      if (control > 2) throw new BrokenStream('an LZMA2 control byte is not defined')
      const length = ((input.byte() << 8) | input.byte()) + 1
      for (let index = 0; index < length; index++) {
        if (decoder.window.isFull) yield decoder.window.take()
        decoder.window.put(input.byte())
      }
      continue
    }
    const length = ((control & 0x1f) << 16) + (input.byte() << 8) + input.byte() + 1
    input.bytes(2)
    const reset = (control >> 5) & 3
    if (reset >= 2) decoder.setProperties(input.byte())
    else if (reset === 1) decoder.resetState()
    decoder.startRange()
    yield* decoder.decode(decoder.window.total + length)
  }
  yield decoder.window.take()
}

/** The `.lzma` container: properties, dictionary size, size or all ones, then the stream. */
export function* decodeLzmaAlone(input: BitInput, maxDictionaryBytes: number): Generator<Buffer> {
  const properties = input.byte()
  const dictionaryBytes = input.u32le()
  const low = input.u32le()
  const size = input.u32le() * 2 ** 32 + low
  yield* decodeLzmaStream(input, properties, Math.min(dictionaryBytes, maxDictionaryBytes), size)
}

export function* decodeLzmaStream(
  input: BitInput,
  properties: number,
  dictionaryBytes: number,
  size: number,
): Generator<Buffer> {
  const decoder = new LzmaDecoder(input, dictionaryBytes)
  decoder.setProperties(properties)
  decoder.startRange()
  try {
    yield* decoder.decode(size)
  } finally {
    yield decoder.window.take()
  }
}
