import type { ByteSource } from '../bytes/index.ts'
import { BitInput, BrokenStream } from './bit-input.ts'
import { OutputWindow } from './window.ts'

const FRAME_MAGIC = 0x184d2204
const LEGACY_MAGIC = 0x184c2102
const SKIPPABLE_MAGIC = 0x184d2a50
const WINDOW_BYTES = 64 * 1024

/** LZ4 frames (lz4_Frame_format.md 1.6.4), legacy frames and skippable ones, one after another. */
export function* decodeLz4(source: ByteSource): Generator<Buffer, number> {
  let position = 0
  while (source.size - position >= 4) {
    const input = new BitInput(source, position)
    const magic = input.u32le()
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) position += 8 + input.u32le()
    else if (magic === FRAME_MAGIC) position = yield* decodeFrame(input)
    else if (magic === LEGACY_MAGIC) position = yield* decodeLegacy(source, input)
    else break
  }
  return position
}

function* decodeFrame(input: BitInput): Generator<Buffer, number> {
  const flags = input.byte()
  if (flags >> 6 !== 1) throw new BrokenStream('an LZ4 frame of another version')
  input.byte()
  if ((flags & 0x08) !== 0) input.bytes(8)
  if ((flags & 0x01) !== 0) input.bytes(4)
  input.byte()
  const window = new OutputWindow(WINDOW_BYTES * 2)
  for (;;) {
    const size = input.u32le()
    if (size === 0) break
    const end = input.position + (size & 0x7fff_ffff)
    if (size >>> 31 === 1) yield* copyRaw(input, window, end)
    else yield* decodeBlock(input, window, end)
    if ((flags & 0x10) !== 0) input.bytes(4)
  }
  if ((flags & 0x04) !== 0) input.bytes(4)
  yield window.take()
  return input.position
}

function* decodeLegacy(source: ByteSource, input: BitInput): Generator<Buffer, number> {
  const window = new OutputWindow(WINDOW_BYTES * 2)
  while (source.size - input.position >= 4) {
    const size = input.u32le()
    if (size === FRAME_MAGIC || size === LEGACY_MAGIC) return input.position - 4
    yield* decodeBlock(input, window, input.position + size)
  }
  yield window.take()
  return input.position
}

function* copyRaw(input: BitInput, window: OutputWindow, end: number): Generator<Buffer> {
  while (input.position < end) {
    if (window.isFull) yield window.take()
    window.put(input.byte())
  }
}

/** lz4_Block_format.md: literals, then a copy from at most 64 KiB back, until the block ends after literals. */
function* decodeBlock(input: BitInput, window: OutputWindow, end: number): Generator<Buffer> {
  while (input.position < end) {
    const token = input.byte()
    let literals = extend(input, token >> 4)
    for (; literals > 0; literals--) {
      if (window.isFull) yield window.take()
      window.put(input.byte())
    }
    if (input.position >= end) break
    const distance = input.byte() | (input.byte() << 8)
    let length = extend(input, token & 15) + 4
    while (length > 0) {
      if (window.isFull) yield window.take()
      const count = Math.min(length, 256)
      window.copy(distance, count)
      length -= count
    }
  }
}

function extend(input: BitInput, nibble: number): number {
  if (nibble < 15) return nibble
  let length = nibble
  for (;;) {
    const byte = input.byte()
    length += byte
    if (byte !== 255) return length
  }
}
