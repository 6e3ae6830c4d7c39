import type { ByteSource } from '../bytes/index.ts'
import { Cursor } from '../bytes/index.ts'
import { CENTRAL_SIGNATURE, FLAG_UTF8, LOCAL_SIGNATURE } from './zip.ts'

/** The fields that a local header and a central directory entry have in common, after their zip64 extra field. */
export interface Header {
  readonly offset: number
  readonly name: string
  /** A second name in an Info-ZIP Unicode path extra field (0x7075). */
  readonly unicodeName: string | undefined
  readonly flags: number
  readonly method: number
  readonly crc32: number
  readonly compressedSize: number
  readonly size: number
  /** First byte after the header. */
  readonly end: number
}

export interface CentralEntry extends Header {
  readonly localOffset: number
  readonly disk: number
  readonly externalAttributes: number
  readonly madeBy: number
}

const MAX32 = 0xffff_ffff
const ZIP64_EXTRA = 0x0001
const UNICODE_PATH_EXTRA = 0x7075

/** APPNOTE 4.3.7; undefined where no local header stands. */
export function readLocalHeader(source: ByteSource, offset: number): Header | undefined {
  if (offset < 0 || offset + 30 > source.size) return undefined
  const cursor = new Cursor(source, offset)
  if (cursor.u32() !== LOCAL_SIGNATURE) return undefined
  cursor.skip(2)
  const flags = cursor.u16()
  const method = cursor.u16()
  cursor.skip(4)
  const crc32 = cursor.u32()
  const compressedSize = cursor.u32()
  const size = cursor.u32()
  const nameLength = cursor.u16()
  const extraLength = cursor.u16()
  const nameBytes = cursor.bytes(nameLength)
  const extra = readExtra(cursor.bytes(extraLength), [size, compressedSize])
  return {
    offset,
    name: decodeName(nameBytes, flags),
    unicodeName: extra.unicodeName,
    flags,
    method,
    crc32,
    compressedSize: extra.wide[1] ?? compressedSize,
    size: extra.wide[0] ?? size,
    end: cursor.position,
  }
}

/** APPNOTE 4.3.12; undefined where no entry stands. */
export function readCentralEntry(source: ByteSource, offset: number): CentralEntry | undefined {
  if (offset < 0 || offset + 46 > source.size) return undefined
  const cursor = new Cursor(source, offset)
  if (cursor.u32() !== CENTRAL_SIGNATURE) return undefined
  const madeBy = cursor.u16()
  cursor.skip(2)
  const flags = cursor.u16()
  const method = cursor.u16()
  cursor.skip(4)
  const crc32 = cursor.u32()
  const compressedSize = cursor.u32()
  const size = cursor.u32()
  const nameLength = cursor.u16()
  const extraLength = cursor.u16()
  const commentLength = cursor.u16()
  const disk = cursor.u16()
  cursor.skip(2)
  const externalAttributes = cursor.u32()
  const localOffset = cursor.u32()
  const nameBytes = cursor.bytes(nameLength)
  const extra = readExtra(cursor.bytes(extraLength), [size, compressedSize, localOffset])
  cursor.skip(commentLength)
  return {
    offset,
    name: decodeName(nameBytes, flags),
    unicodeName: extra.unicodeName,
    flags,
    method,
    crc32,
    compressedSize: extra.wide[1] ?? compressedSize,
    size: extra.wide[0] ?? size,
    localOffset: extra.wide[2] ?? localOffset,
    disk,
    externalAttributes,
    madeBy,
    end: cursor.position,
  }
}

/** The zip64 field holds, in order, only those of the values whose 32-bit field is all ones (APPNOTE 4.5.3). */
function readExtra(
  extra: Buffer,
  narrow: readonly number[],
): { readonly wide: readonly (number | undefined)[]; readonly unicodeName: string | undefined } {
  const wide: (number | undefined)[] = narrow.map(() => undefined)
  let unicodeName: string | undefined
  for (let at = 0; at + 4 <= extra.length; ) {
    const id = extra.readUInt16LE(at)
    const length = extra.readUInt16LE(at + 2)
    const body = extra.subarray(at + 4, at + 4 + length)
    if (id === ZIP64_EXTRA) {
      let position = 0
      narrow.forEach((value, index) => {
        if (value !== MAX32 || position + 8 > body.length) return
        wide[index] = Number(body.readBigUInt64LE(position))
        position += 8
      })
    } else if (id === UNICODE_PATH_EXTRA && body.length > 5) {
      unicodeName = body.subarray(5).toString('utf8')
    }
    at += 4 + length
  }
  return { wide, unicodeName }
}

/** Without the flag a name is in code page 437; its ASCII half is all that matters for the names loaders look for. */
function decodeName(bytes: Buffer, flags: number): string {
  return (flags & FLAG_UTF8) !== 0 ? bytes.toString('utf8') : bytes.toString('latin1')
}
