import type { ByteSource } from '../bytes/index.ts'
import { BitInput, BrokenStream } from './bit-input.ts'
import { decodeLzma2 } from './lzma.ts'

const LZMA2_FILTER = 0x21
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]

/** The .xz container (xz-file-format 1.1.0), with LZMA2 as its only filter; several streams one after another. */
export function* decodeXz(source: ByteSource, maxDictionaryBytes: number): Generator<Buffer, number> {
  let position = 0
  while (hasMagic(source, position)) {
    const input = new BitInput(source, position)
    const header = input.bytes(12)
    const checkBytes = CHECK_BYTES[(header[7] ?? 0) & 15] ?? 0
    let blocks = 0
    for (;;) {
      const blockStart = input.position
      const sizeByte = input.byte()
      if (sizeByte === 0) break
      const blockHeader = input.bytes(sizeByte * 4 + 3)
      const dictionaryBytes = dictionaryOf(blockHeader)
      yield* decodeLzma2(input, Math.min(dictionaryBytes, maxDictionaryBytes))
      while ((input.position - blockStart) % 4 !== 0) input.byte()
      input.bytes(checkBytes)
      blocks++
    }
    // The index: as many pairs of numbers as there are blocks, padding, a checksum; then the footer.
    const indexStart = input.position - 1
    const records = readVariable(input)
    if (records !== blocks) throw new BrokenStream('the index of an xz stream does not match its blocks')
    for (let index = 0; index < records * 2; index++) readVariable(input)
    while ((input.position - indexStart) % 4 !== 0) input.byte()
    input.bytes(4 + 12)
    position = input.position
    while (source.size - position >= 4 && source.read(position, 4).every((byte) => byte === 0)) position += 4
  }
  return position
}

function hasMagic(source: ByteSource, position: number): boolean {
  return Buffer.from(source.read(position, 6)).equals(Buffer.from('fd377a585a00', 'hex'))
}

/** `header` begins after the size byte. */
function dictionaryOf(header: Buffer): number {
  const flags = header[0] ?? 0
  if ((flags & 3) !== 0) throw new BrokenStream('an xz block has filters besides LZMA2')
  let at = 1
  const skipVariable = () => {
    while (at < header.length && ((header[at++] ?? 0) & 0x80) !== 0);
  }
  if ((flags & 0x40) !== 0) skipVariable()
  if ((flags & 0x80) !== 0) skipVariable()
  if (header[at] !== LZMA2_FILTER || header[at + 1] !== 1)
    throw new BrokenStream('an xz block has an unknown filter')
  return lzma2Dictionary(header[at + 2] ?? 0)
}

/** The dictionary size that LZMA2 codes in one byte (xz-file-format 5.3.1). */
export function lzma2Dictionary(byte: number): number {
  if (byte > 40) throw new BrokenStream('an LZMA2 dictionary size is not defined')
  return byte === 40 ? 0xffff_ffff : (2 | (byte & 1)) * 2 ** ((byte >> 1) + 11)
}

function readVariable(input: BitInput): number {
  let value = 0
  for (let shift = 0; shift < 63; shift += 7) {
    const byte = input.byte()
    value += (byte & 0x7f) * 2 ** shift
    if ((byte & 0x80) === 0) return value
  }
  throw new BrokenStream('a number in an xz stream is too long')
}
