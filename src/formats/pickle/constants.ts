import type { ByteSource } from '../bytes/index.ts'
import { parseInt0, parseLong0, parseTwosComplement } from './numbers.ts'
import { decodeQuotedString, decodeRawUnicodeEscape } from './text.ts'

/** A constant of the stream, decoded. `value` may be cut at the limit that was asked for. */
export type Constant =
  | { readonly type: 'none' }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float' }
  /** Protocol 0 to 2 strings of Python 2 are both: a loader's `encoding` decides. */
  | {
      readonly type: 'text' | 'string'
      readonly value: string
      readonly bytes: Uint8Array
      readonly size: number
    }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array; readonly size: number }

/** Where a constant's payload stands, for the opcodes that have a length. */
export interface Extent {
  readonly start: number
  readonly size: number
}

/**
 * Reads the constant whose opcode stands at `offset`, with at most `maxBytes` of its payload. The machine has read it
 * before, so the opcode is known to be whole; undefined only if the source has changed since.
 */
export function readConstant(source: ByteSource, offset: number, maxBytes: number): Constant | undefined {
  const head = Buffer.from(source.read(offset, 9))
  const opcode = head[0]
  if (opcode === undefined) return undefined
  const padded = head.length < 9 ? Buffer.concat([head], 9) : head
  switch (opcode) {
    case 0x4e:
      return { type: 'none' }
    case 0x88:
      return { type: 'bool', value: true }
    case 0x89:
      return { type: 'bool', value: false }
    case 0x46:
    case 0x47:
      return { type: 'float' }
    case 0x4a:
      return { type: 'int', value: BigInt(padded.readInt32LE(1)) }
    case 0x4b:
      return { type: 'int', value: BigInt(padded.readUInt8(1)) }
    case 0x4d:
      return { type: 'int', value: BigInt(padded.readUInt16LE(1)) }
    case 0x8a:
    case 0x8b: {
      const { start, size } = extent(padded, offset, opcode === 0x8a ? 1 : 4)
      return {
        type: 'int',
        value: parseTwosComplement(Buffer.from(source.read(start, Math.min(size, 1024)))),
      }
    }
    case 0x49: {
      const value = parseInt0(readLine(source, offset + 1, maxBytes).toString('latin1'))
      if (value === undefined) return undefined
      return typeof value === 'boolean' ? { type: 'bool', value } : { type: 'int', value }
    }
    case 0x4c: {
      const value = parseLong0(readLine(source, offset + 1, maxBytes).toString('latin1'))
      return value === undefined ? undefined : { type: 'int', value }
    }
    case 0x53: {
      const bytes = decodeQuotedString(readLine(source, offset + 1, maxBytes))
      return bytes === undefined ? undefined : textConstant('string', bytes, bytes.length)
    }
    case 0x56: {
      const line = readLine(source, offset + 1, maxBytes)
      const value = decodeRawUnicodeEscape(line)
      if (value === undefined) return undefined
      return { type: 'text', value, bytes: Buffer.from(value, 'utf8'), size: line.length }
    }
    case 0x54:
      return payload(source, 'string', extent(padded, offset, 4), maxBytes)
    case 0x55:
      return payload(source, 'string', extent(padded, offset, 1), maxBytes)
    case 0x58:
      return payload(source, 'text', extent(padded, offset, 4), maxBytes)
    case 0x8c:
      return payload(source, 'text', extent(padded, offset, 1), maxBytes)
    case 0x8d:
      return payload(source, 'text', extent(padded, offset, 8), maxBytes)
    case 0x42:
      return payload(source, 'bytes', extent(padded, offset, 4), maxBytes)
    case 0x43:
      return payload(source, 'bytes', extent(padded, offset, 1), maxBytes)
    case 0x8e:
    case 0x96:
      return payload(source, 'bytes', extent(padded, offset, 8), maxBytes)
    default:
      return undefined
  }
}

/** Where the payload of a bytes constant stands, or undefined for anything else. */
export function bytesExtent(source: ByteSource, offset: number): Extent | undefined {
  const head = Buffer.concat([source.read(offset, 9)], 9)
  switch (head[0]) {
    case 0x43:
      return extent(head, offset, 1)
    case 0x42:
      return extent(head, offset, 4)
    case 0x8e:
    case 0x96:
      return extent(head, offset, 8)
    default:
      return undefined
  }
}

function extent(head: Buffer, offset: number, width: 1 | 4 | 8): Extent {
  const size =
    width === 1 ? head.readUInt8(1) : width === 4 ? head.readUInt32LE(1) : Number(head.readBigUInt64LE(1))
  return { start: offset + 1 + width, size }
}

function payload(
  source: ByteSource,
  type: 'text' | 'string' | 'bytes',
  { start, size }: Extent,
  maxBytes: number,
): Constant {
  const bytes = Buffer.from(source.read(start, Math.min(size, maxBytes)))
  return type === 'bytes' ? { type, bytes, size } : textConstant(type, bytes, size)
}

function textConstant(type: 'text' | 'string', bytes: Uint8Array, size: number): Constant {
  return {
    type,
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
    bytes,
    size,
  }
}

function readLine(source: ByteSource, start: number, maxBytes: number): Buffer {
  for (let length = 256; ; length *= 4) {
    const bytes = Buffer.from(source.read(start, Math.min(length, maxBytes + 1)))
    const end = bytes.indexOf(0x0a)
    if (end !== -1) return bytes.subarray(0, end)
    if (bytes.length < length) return bytes
  }
}
