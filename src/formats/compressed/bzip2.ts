import type { ByteSource } from '../bytes/index.ts'
import { BitInput, BrokenStream } from './bit-input.ts'

const BLOCK_MAGIC = [0x314159, 0x265359] as const
const END_MAGIC = [0x177245, 0x385090] as const
const MAX_CODE_BITS = 20

/** bzip2 (https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf); several streams one after another. */
export function* decodeBzip2(source: ByteSource): Generator<Buffer, number> {
  let position = 0
  for (;;) {
    const head = source.read(position, 4)
    const level = (head[3] ?? 0) - 0x30
    if (head[0] !== 0x42 || head[1] !== 0x5a || head[2] !== 0x68 || level < 1 || level > 9) return position
    const input = new BitInput(source, position + 4)
    const counts = new Uint32Array(level * 100_000)
    for (;;) {
      const high = input.bits(24)
      const low = input.bits(24)
      if (high === END_MAGIC[0] && low === END_MAGIC[1]) break
      if (high !== BLOCK_MAGIC[0] || low !== BLOCK_MAGIC[1])
        throw new BrokenStream('no bzip2 block begins here')
      input.bits(16)
      input.bits(16)
      yield* decodeBlock(input, counts)
    }
    input.bits(16)
    input.bits(16)
    position = input.position
  }
}

function* decodeBlock(input: BitInput, table: Uint32Array): Generator<Buffer> {
  if (input.bits(1) === 1) throw new BrokenStream('randomised bzip2 blocks are not read')
  const origin = input.bits(24)
  const length = readSymbols(input, table)
  if (origin >= length) throw new BrokenStream('a bzip2 block begins outside itself')
  // The inverse Burrows-Wheeler transform: bytes in the low 8 bits, links in the upper 24.
  const starts = new Uint32Array(256)
  for (let index = 0; index < length; index++) {
    const byte = (table[index] ?? 0) & 0xff
    starts[byte] = (starts[byte] ?? 0) + 1
  }
  let sum = 0
  for (let byte = 0; byte < 256; byte++) {
    const count = starts[byte] ?? 0
    starts[byte] = sum
    sum += count
  }
  for (let index = 0; index < length; index++) {
    const byte = (table[index] ?? 0) & 0xff
    const place = starts[byte] ?? 0
    starts[byte] = place + 1
    table[place] = ((table[place] ?? 0) | (index << 8)) >>> 0
  }
  let output = Buffer.allocUnsafe(64 * 1024)
  let filled = 0
  let link = (table[origin] ?? 0) >>> 8
  let run = 0
  let previous = -1
  for (let index = 0; index < length; index++) {
    const entry = table[link] ?? 0
    link = entry >>> 8
    const byte = entry & 0xff
    // Four equal bytes are followed by how many more there are.
    const repeats = run === 4 ? byte : 1
    const value = run === 4 ? previous : byte
    if (run === 4) run = 0
    else {
      run = byte === previous ? run + 1 : 1
      previous = byte
    }
    if (filled + repeats > output.length) {
      yield output.subarray(0, filled)
      output = Buffer.allocUnsafe(64 * 1024)
      filled = 0
    }
    output.fill(value, filled, filled + repeats)
    filled += repeats
  }
  yield output.subarray(0, filled)
}

/** Huffman and move-to-front; the bytes go into the low 8 bits of `table`. Gives how many there are. */
function readSymbols(input: BitInput, table: Uint32Array): number {
  const alphabet: number[] = []
  const used = input.bits(16)
  for (let group = 0; group < 16; group++) {
    if ((used & (0x8000 >> group)) === 0) continue
    const bits = input.bits(16)
    for (let index = 0; index < 16; index++) {
      if ((bits & (0x8000 >> index)) !== 0) alphabet.push(group * 16 + index)
    }
  }
  const treeCount = input.bits(3)
  const selectorCount = input.bits(15)
  if (alphabet.length === 0 || treeCount < 2 || treeCount > 6 || selectorCount < 1) {
    throw new BrokenStream('a bzip2 block has no codes')
  }
  const selectors = readSelectors(input, treeCount, selectorCount)
  const trees: HuffmanTree[] = []
  for (let index = 0; index < treeCount; index++) trees.push(readTree(input, alphabet.length + 2))
  const end = alphabet.length + 1
  let length = 0
  let run = 0
  let weight = 1
  let selector = 0
  for (;;) {
    const tree = trees[selectors[selector++] ?? -1]
    if (tree === undefined) throw new BrokenStream('a bzip2 block runs out of selectors')
    for (let index = 0; index < 50; index++) {
      const symbol = tree.read(input)
      if (symbol <= 1) {
        run += weight << symbol
        weight <<= 1
        if (run > table.length) throw new BrokenStream('a bzip2 block is longer than it may be')
        continue
      }
      if (run > 0) {
        if (length + run > table.length) throw new BrokenStream('a bzip2 block is longer than it may be')
        table.fill(alphabet[0] ?? 0, length, length + run)
        length += run
        run = 0
        weight = 1
      }
      if (symbol === end) return length
      if (length >= table.length) throw new BrokenStream('a bzip2 block is longer than it may be')
      const [byte] = alphabet.splice(symbol - 1, 1)
      alphabet.unshift(byte ?? 0)
      table[length++] = byte ?? 0
    }
  }
}

function readSelectors(input: BitInput, treeCount: number, count: number): number[] {
  const order = Array.from({ length: treeCount }, (_, index) => index)
  const selectors: number[] = []
  for (let index = 0; index < count; index++) {
    let place = 0
    while (input.bits(1) === 1)
      if (++place >= treeCount) throw new BrokenStream('a bzip2 selector is out of range')
    const [tree] = order.splice(place, 1)
    order.unshift(tree ?? 0)
    selectors.push(tree ?? 0)
  }
  return selectors
}

function readTree(input: BitInput, symbols: number): HuffmanTree {
  const lengths: number[] = []
  let length = input.bits(5)
  for (let symbol = 0; symbol < symbols; symbol++) {
    while (input.bits(1) === 1) length += input.bits(1) === 1 ? -1 : 1
    if (length < 1 || length > MAX_CODE_BITS) throw new BrokenStream('a bzip2 code length is out of range')
    lengths.push(length)
  }
  return new HuffmanTree(lengths)
}

/** Canonical codes: within a length they count up in the order of the symbols. */
class HuffmanTree {
  readonly #limits: number[] = []
  readonly #bases: number[] = []
  readonly #symbols: number[] = []

  constructor(lengths: readonly number[]) {
    let code = 0
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      this.#bases[length] = this.#symbols.length - code
      lengths.forEach((own, symbol) => {
        if (own === length) this.#symbols.push(symbol)
      })
      code = this.#symbols.length - (this.#bases[length] ?? 0)
      this.#limits[length] = code
      code <<= 1
    }
  }

  read(input: BitInput): number {
    let code = 0
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      code = (code << 1) | input.bits(1)
      if (code < (this.#limits[length] ?? 0)) {
        const symbol = this.#symbols[code + (this.#bases[length] ?? 0)]
        if (symbol !== undefined) return symbol
      }
    }
    throw new BrokenStream('a bzip2 code is not defined')
  }
}
