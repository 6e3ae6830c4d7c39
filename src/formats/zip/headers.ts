import type { ByteSource } from '../bytes/index.ts'
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

const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46

/** APPNOTE 4.3.7; undefined where no local header stands. */
export function readLocalHeader(source: ByteSource, offset: number): Header | undefined {
  const fixed = readFixed(source, offset, LOCAL_BYTES, LOCAL_SIGNATURE)
  if (fixed === undefined) return undefined
  return readCommon(source, offset, fixed, 6, LOCAL_BYTES, fixed.readUInt16LE(26), fixed.readUInt16LE(28), [])
}

/** APPNOTE 4.3.12; undefined where no entry stands. */
export function readCentralEntry(source: ByteSource, offset: number): CentralEntry | undefined {
  const fixed = readFixed(source, offset, CENTRAL_BYTES, CENTRAL_SIGNATURE)
  if (fixed === undefined) return undefined
  const localOffset = fixed.readUInt32LE(42)
  const common = readCommon(
    source,
    offset,
    fixed,
    8,
    CENTRAL_BYTES,
    fixed.readUInt16LE(28),
    fixed.readUInt16LE(30),
    [localOffset],
  )
  return {
    ...common,
    localOffset: common.wideOffset ?? localOffset,
    disk: fixed.readUInt16LE(34),
    externalAttributes: fixed.readUInt32LE(38),
    madeBy: fixed.readUInt16LE(4),
    end: Math.min(source.size, common.end + fixed.readUInt16LE(32)),
  }
}

function readFixed(
  source: ByteSource,
  offset: number,
  length: number,
  signature: number,
): Buffer | undefined {
  if (offset < 0 || offset + length > source.size) return undefined
  const bytes = Buffer.from(source.read(offset, length))
  return bytes.length === length && bytes.readUInt32LE(0) === signature ? bytes : undefined
}

/** Both headers hold flags, method, time, checksum and sizes in this order, then, later, name and extra field. */
function readCommon(
  source: ByteSource,
  offset: number,
  fixed: Buffer,
  at: number,
  fixedBytes: number,
  nameLength: number,
  extraLength: number,
  more: readonly number[],
): Header & { readonly wideOffset: number | undefined } {
  const flags = fixed.readUInt16LE(at)
  const compressedSize = fixed.readUInt32LE(at + 12)
  const size = fixed.readUInt32LE(at + 16)
  const tail = Buffer.from(source.read(offset + fixedBytes, nameLength + extraLength))
  const extra = readExtra(tail.subarray(nameLength), [size, compressedSize, ...more])
  return {
    offset,
    name: decodeName(tail.subarray(0, nameLength), flags),
    unicodeName: extra.unicodeName,
    flags,
    method: fixed.readUInt16LE(at + 2),
    crc32: fixed.readUInt32LE(at + 8),
    compressedSize: extra.wide[1] ?? compressedSize,
    size: extra.wide[0] ?? size,
    end: Math.min(source.size, offset + fixedBytes + nameLength + extraLength),
    wideOffset: extra.wide[2],
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
