import type { Anomaly } from '../anomaly.ts'
import { type ByteSource, Cursor } from '../bytes/index.ts'

export interface GgufString {
  readonly key: string
  /** Place in an array; undefined for a plain value. */
  readonly index: number | undefined
  readonly text: string
  readonly offset: number
}

export interface GgufReading {
  readonly isGguf: boolean
  readonly version: number
  /** Values of keys that a template may stand under: every string but the entries of token lists. */
  readonly strings: readonly GgufString[]
  readonly anomalies: readonly Anomaly[]
}

const MAX_KEYS = 100_000
const MAX_TENSORS = 1_000_000
const MAX_KEY_BYTES = 64 * 1024
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const MAX_STRINGS = 20_000
const MAX_DIMENSIONS = 4
const MAX_ARRAY_DEPTH = 4
/** Bytes of the fixed-size value types 0 to 12 of the GGUF specification; 8 is a string and 9 an array. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
/** Elements and bytes of a block of each ggml type (ggml.c, type_traits). */
const BLOCKS = new Map<number, readonly [number, number]>([
  [0, [1, 4]],
  [1, [1, 2]],
  [2, [32, 18]],
  [3, [32, 20]],
  [6, [32, 22]],
  [7, [32, 24]],
  [8, [32, 34]],
  [9, [32, 36]],
  [10, [256, 84]],
  [11, [256, 110]],
  [12, [256, 144]],
  [13, [256, 176]],
  [14, [256, 210]],
  [15, [256, 292]],
  [16, [256, 66]],
  [17, [256, 74]],
  [18, [256, 98]],
  [19, [256, 50]],
  [20, [32, 18]],
  [21, [256, 110]],
  [22, [256, 82]],
  [23, [256, 136]],
  [24, [1, 1]],
  [25, [1, 2]],
  [26, [1, 4]],
  [27, [1, 8]],
  [28, [1, 8]],
  [29, [256, 56]],
  [30, [1, 2]],
  [34, [256, 54]],
  [35, [256, 66]],
  [39, [32, 17]],
])

/** Reads the metadata and the tensor table of a GGUF file (ggml docs/gguf.md, versions 1 to 3); never the tensors. */
export function readGguf(source: ByteSource): GgufReading {
  const reader = new GgufReader(source)
  return reader.read()
}

class Unreadable extends Error {}

class GgufReader {
  readonly #source: ByteSource
  readonly #cursor: Cursor
  readonly #anomalies: Anomaly[] = []
  readonly #strings: GgufString[] = []
  #alignment = 32
  #version = 0

  constructor(source: ByteSource) {
    this.#source = source
    this.#cursor = new Cursor(source)
  }

  read(): GgufReading {
    const isGguf = this.#cursor.bytes(4).toString('latin1') === 'GGUF'
    if (isGguf) {
      try {
        this.#readAll()
      } catch (thrown) {
        if (!(thrown instanceof Unreadable)) throw thrown
      }
    }
    return { isGguf, version: this.#version, strings: this.#strings, anomalies: this.#anomalies }
  }

  #readAll(): void {
    this.#version = this.#cursor.u32()
    if (this.#version < 1 || this.#version > 3)
      throw this.#stop('version', `GGUF version ${this.#version} is not read`)
    const tensors = this.#size()
    const keys = this.#size()
    // A key takes at least 13 bytes and a tensor at least 24: counts beyond that overflow a careless reader.
    if (keys > this.#source.size / 12 || tensors > this.#source.size / 20) {
      throw this.#stop('count-overflow', 'more keys or tensors than the file has room for')
    }
    if (keys > MAX_KEYS || tensors > MAX_TENSORS)
      throw this.#stop('too-many', 'more keys or tensors than are read')
    const names = new Set<string>()
    for (let index = 0; index < keys; index++) {
      const key = this.#text(MAX_KEY_BYTES)
      if (names.has(key)) this.#note('duplicate-key', 'two metadata keys of one name')
      names.add(key)
      this.#value(key, this.#cursor.u32(), 0)
    }
    this.#readTensors(tensors)
  }

  #value(key: string, type: number, depth: number, index?: number): void {
    if (type === 8) {
      const offset = this.#cursor.position
      const text = this.#text(MAX_TEXT_BYTES)
      if (this.#strings.length < MAX_STRINGS) this.#strings.push({ key, index, text, offset })
      else this.#note('too-many-strings', 'more texts than are read', true)
    } else if (type === 9) {
      this.#array(key, depth)
    } else {
      const bytes = VALUE_BYTES[type]
      if (bytes === undefined) throw this.#stop('value-type', `metadata of unknown type ${type}`)
      if (key === 'general.alignment' && bytes === 4) this.#setAlignment(this.#cursor.u32())
      else this.#cursor.skip(bytes)
    }
    if (this.#cursor.isShort) throw this.#stop('truncated', 'the metadata ends early')
  }

  #array(key: string, depth: number): void {
    if (depth >= MAX_ARRAY_DEPTH) throw this.#stop('nesting', 'arrays nest deeper than is read')
    const type = this.#cursor.u32()
    const count = this.#size()
    const bytes = VALUE_BYTES[type]
    if (bytes === undefined) throw this.#stop('value-type', `an array of unknown type ${type}`)
    if (count * Math.max(bytes, 8 * Number(bytes === 0)) > this.#cursor.remaining) {
      throw this.#stop('array-overflow', 'an array is longer than the file')
    }
    if (bytes > 0) {
      this.#cursor.skip(count * bytes)
      return
    }
    // Vocabularies hold hundreds of thousands of tokens and are never templates; their lengths are still checked.
    const isVocabulary = /^tokenizer\.ggml\.(tokens|merges|added_tokens|precompiled_charsmap)$/.test(key)
    for (let index = 0; index < count; index++) {
      if (type === 8 && isVocabulary) this.#skipText()
      else this.#value(key, type, depth + 1, index)
    }
  }

  #setAlignment(alignment: number): void {
    const isPowerOfTwo = alignment > 0 && (alignment & (alignment - 1)) === 0
    if (!isPowerOfTwo || alignment > 1 << 20)
      this.#note('alignment', `an alignment of ${alignment} is not usable`)
    else this.#alignment = alignment
  }

  #readTensors(count: number): void {
    const extents: { start: number; end: number }[] = []
    const names = new Set<string>()
    for (let index = 0; index < count; index++) {
      const name = this.#text(MAX_KEY_BYTES)
      if (names.has(name)) this.#note('duplicate-tensor', 'two tensors of one name')
      names.add(name)
      const dimensions = this.#cursor.u32()
      if (dimensions > MAX_DIMENSIONS) throw this.#stop('dimensions', `a tensor of ${dimensions} dimensions`)
      let elements = 1
      for (let dimension = 0; dimension < dimensions; dimension++) elements *= this.#size()
      if (elements > Number.MAX_SAFE_INTEGER)
        this.#note('shape-overflow', 'the elements of a tensor overflow 64 bits')
      const type = this.#cursor.u32()
      const offset = this.#cursor.u64()
      if (this.#cursor.isShort) throw this.#stop('truncated', 'the tensor table ends early')
      const block = BLOCKS.get(type)
      if (block === undefined) this.#note('tensor-type', `a tensor of unknown type ${type}`)
      const bytes = block === undefined ? 0 : Math.ceil(elements / block[0]) * block[1]
      if (offset % this.#alignment !== 0) this.#note('misaligned', 'a tensor does not begin where it should')
      extents.push({ start: offset, end: offset + bytes })
    }
    if (count === 0) return
    const base = Math.ceil(this.#cursor.position / this.#alignment) * this.#alignment
    let end = 0
    for (const extent of extents.toSorted((a, b) => a.start - b.start)) {
      if (extent.start < end) this.#note('overlap', 'two tensors share bytes')
      end = Math.max(end, extent.end)
    }
    if (base + end > this.#source.size) this.#note('out-of-bounds', 'a tensor lies past the end of the file')
    else if (this.#source.size - base - end > this.#alignment) {
      this.#note(
        'trailing-data',
        `${this.#source.size - base - end} bytes follow the last tensor`,
        false,
        base + end,
      )
    }
  }

  #size(): number {
    return this.#version === 1 ? this.#cursor.u32() : this.#cursor.u64()
  }

  #text(maxBytes: number): string {
    const length = this.#size()
    if (length > this.#cursor.remaining) throw this.#stop('string-overflow', 'a text is longer than the file')
    if (length > maxBytes) this.#note('long-text', `a text of ${length} bytes is read only in part`, true)
    const bytes = this.#cursor.bytes(Math.min(length, maxBytes))
    if (length > maxBytes) this.#cursor.skip(length - maxBytes)
    return bytes.toString('utf8')
  }

  #skipText(): void {
    const length = this.#size()
    if (length > this.#cursor.remaining) throw this.#stop('string-overflow', 'a text is longer than the file')
    this.#cursor.skip(length)
  }

  #note(code: string, message: string, isUnread = false, offset = this.#cursor.position): void {
    if (this.#anomalies.length < 100) this.#anomalies.push({ code, message, offset, isUnread })
  }

  #stop(code: string, message: string): Unreadable {
    this.#note(code, message, true)
    return new Unreadable(message)
  }
}
