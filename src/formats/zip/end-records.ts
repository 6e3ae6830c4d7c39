import { Cursor } from '../bytes/index.ts'
import type { Range, ZipArchive } from './zip.ts'
import { CENTRAL_SIGNATURE } from './zip.ts'

/** An end-of-central-directory record and the places where loaders would look for the directory it speaks of. */
export interface EndRecord {
  readonly offset: number
  readonly end: number
  readonly commentLength: number
  /** Where a directory really begins, with what to add to the offsets of local headers. */
  readonly directories: readonly { readonly offset: number; readonly shift: number }[]
  readonly entryCount: number
  readonly directorySize: number
  readonly ranges: readonly Range[]
}

const END_BYTES = 22
const MAX_COMMENT = 0xffff
const LOCATOR_SIGNATURE = 0x07064b50
const ZIP64_END_SIGNATURE = 0x06064b50

/**
 * All end records in the last 64 KiB, last first. Loaders differ in which they take (the last, the one whose comment ends
 * the file, the first that parses), so all are given.
 */
export function findEndRecords(archive: ZipArchive): EndRecord[] {
  const { source } = archive
  const length = Math.min(source.size, END_BYTES + MAX_COMMENT)
  const start = source.size - length
  const tail = Buffer.from(source.read(start, length))
  const records: EndRecord[] = []
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    at = tail.lastIndexOf('PK\x05\x06', at, 'latin1')
    if (at < 0) break
    if (at + END_BYTES > tail.length) continue
    if (records.length >= archive.budget.maxEndRecords) {
      archive.note('too-many-end-records', 'more end records than are followed', start + at, true)
      break
    }
    records.push(readEndRecord(archive, start + at))
  }
  return records
}

function readEndRecord(archive: ZipArchive, offset: number): EndRecord {
  const { source } = archive
  const cursor = new Cursor(source, offset + 4)
  const disk = cursor.u16()
  const directoryDisk = cursor.u16()
  cursor.skip(2)
  let entryCount = cursor.u16()
  let directorySize = cursor.u32()
  let directoryOffset = cursor.u32()
  const commentLength = cursor.u16()
  if (disk !== 0 && disk !== 0xffff)
    archive.note('multi-disk', 'the archive says it is one disk of several', offset)
  else if (directoryDisk !== disk)
    archive.note('multi-disk', 'the directory is said to be on another disk', offset)
  const ranges: Range[] = [{ start: offset, end: offset + END_BYTES }]
  const candidates = new Map<number, number>()
  const add = (at: number, shift: number) => {
    if (at >= 0 && at < source.size && new Cursor(source, at).u32() === CENTRAL_SIGNATURE)
      candidates.set(at, shift)
  }
  // The 32-bit view first: a loader without zip64 follows it even where a zip64 record stands.
  const narrowOffset = directoryOffset
  add(directoryOffset, 0)
  add(offset - directorySize, offset - directorySize - directoryOffset)
  const locator = new Cursor(source, offset - 20)
  if (offset >= 20 && locator.u32() === LOCATOR_SIGNATURE) {
    locator.skip(4)
    const at = locator.u64()
    ranges.push({ start: offset - 20, end: offset })
    for (const place of new Set([at, offset - 20 - 56])) {
      const wide = new Cursor(source, place)
      if (place < 0 || place >= source.size || wide.u32() !== ZIP64_END_SIGNATURE) continue
      const recordSize = wide.u64()
      wide.skip(20)
      entryCount = wide.u64()
      directorySize = wide.u64()
      directoryOffset = wide.u64()
      ranges.push({ start: place, end: Math.min(offset, place + 12 + recordSize) })
      add(directoryOffset, 0)
      add(place - directorySize, place - directorySize - directoryOffset)
      if (narrowOffset !== 0xffff_ffff && narrowOffset !== directoryOffset) {
        archive.note(
          'zip64-disagrees',
          'the zip64 record and the end record name different directories',
          offset,
        )
      }
    }
  }
  return {
    offset,
    end: offset + END_BYTES + commentLength,
    commentLength,
    directories: [...candidates].map(([at, shift]) => ({ offset: at, shift })),
    entryCount,
    directorySize,
    ranges,
  }
}
