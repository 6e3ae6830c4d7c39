import type { ByteSource } from '../bytes/index.ts'
import { indexOfBytes } from '../bytes/index.ts'
import type { EndRecord } from './end-records.ts'
import { findEndRecords } from './end-records.ts'
import { type CentralEntry, type Header, readCentralEntry, readLocalHeader } from './headers.ts'
import { noteNames } from './names.ts'
import {
  DEFAULT_ZIP_BUDGET,
  FLAG_DESCRIPTOR,
  FLAG_ENCRYPTED,
  FLAG_MASKED,
  FLAG_PATCH,
  FLAG_STRONG_ENCRYPTION,
  type Range,
  ZipArchive,
  type ZipBudget,
  type ZipGap,
  type ZipMember,
  type ZipReading,
  type ZipView,
} from './zip.ts'

const LOCAL_MAGIC = Buffer.from('PK\x03\x04', 'latin1')

/**
 * Reads an archive under the views of all loaders at once: every end record, every directory it may mean, every local
 * header that a directory names and every one that none names. Where views disagree, both readings are given and the
 * disagreement is an anomaly. PKWARE APPNOTE 6.3.10; the loaders are Python's zipfile (last duplicate, prefix allowed)
 * and the miniz of PyTorch (first duplicate, names without case, local flags and CRC ignored).
 */
export function readZip(source: ByteSource, budget: ZipBudget = DEFAULT_ZIP_BUDGET): ZipReading {
  const archive = new ZipArchive(source, budget)
  const records = findEndRecords(archive)
  const beginsWithMember = readLocalHeader(source, 0) !== undefined
  if (records.length === 0 && !beginsWithMember) return { isZip: false, members: [], gaps: [], anomalies: [] }
  const readings = new Readings(archive)
  const taken: Range[] = []
  const followed: EndRecord[] = []
  for (const record of records) {
    // The end record of a stored archive inside a member is not one of this archive; the member is read by itself.
    if (record.end !== source.size && readings.cover(record.offset)) continue
    followed.push(record)
    taken.push(...record.ranges)
    for (const directory of record.directories) {
      taken.push(readDirectory(archive, readings, record, directory))
    }
  }
  noteEndRecords(archive, followed, beginsWithMember)
  const gaps = walkUnclaimed(archive, readings, taken, followed)
  const members = readings.sorted()
  noteOverlap(archive, members)
  noteNames(archive, members)
  const isZip =
    members.length > 0 || records.some((record) => record.entryCount === 0 && record.end === source.size)
  return { isZip, members, gaps, anomalies: archive.anomalies }
}

class Readings {
  readonly #archive: ZipArchive
  readonly #members = new Map<string, ZipMember>()
  #isFull = false

  constructor(archive: ZipArchive) {
    this.#archive = archive
  }

  /** False once no more members are taken. */
  add(header: Header, view: ZipView, headerOffset: number, dataOffset: number): boolean {
    const isDescribed = (header.flags & FLAG_DESCRIPTOR) !== 0 && view === 'local'
    const member: ZipMember = {
      name: header.name,
      view,
      headerOffset,
      dataOffset,
      compressedSize: Math.max(0, Math.min(header.compressedSize, this.#archive.source.size - dataOffset)),
      size: header.size,
      method: header.method,
      flags: header.flags,
      crc32: isDescribed ? undefined : header.crc32,
      isEncrypted: (header.flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION)) !== 0,
      isDirectory: header.name.endsWith('/') && header.compressedSize === 0,
    }
    const key = `${dataOffset} ${member.compressedSize} ${member.method} ${member.isEncrypted} ${header.name}`
    if (this.#members.has(key)) return true
    if (this.#members.size >= this.#archive.budget.maxMembers) {
      if (!this.#isFull)
        this.#archive.note('too-many-members', 'more members than are read', headerOffset, true)
      this.#isFull = true
      return false
    }
    this.#members.set(key, member)
    return true
  }

  /** True where the offset lies in the data of a member. */
  cover(offset: number): boolean {
    for (const member of this.#members.values()) {
      if (offset >= member.dataOffset && offset < member.dataOffset + member.compressedSize) return true
    }
    return false
  }

  sorted(): ZipMember[] {
    return [...this.#members.values()].sort(
      (a, b) => a.headerOffset - b.headerOffset || a.dataOffset - b.dataOffset,
    )
  }
}

function readDirectory(
  archive: ZipArchive,
  readings: Readings,
  record: EndRecord,
  directory: { readonly offset: number; readonly shift: number },
): Range {
  let at = directory.offset
  let count = 0
  while (at < record.offset) {
    const entry = readCentralEntry(archive.source, at)
    if (entry === undefined) break
    count++
    at = entry.end
    if (!readMember(archive, readings, entry, directory.shift)) break
  }
  // Past 65,535 entries without zip64 the count wraps; both miniz and zipfile go by the size.
  if (count % 65536 !== record.entryCount % 65536) {
    archive.note(
      'count-disagrees',
      `the directory holds ${count} entries and its end record says ${record.entryCount}`,
      record.offset,
    )
  }
  if (at !== directory.offset + record.directorySize) {
    archive.note('directory-size', 'the directory is not as long as its end record says', directory.offset)
  }
  return { start: directory.offset, end: at }
}

function readMember(archive: ZipArchive, readings: Readings, entry: CentralEntry, shift: number): boolean {
  if (entry.disk !== 0 && entry.disk !== 0xffff) {
    archive.note('multi-disk', `a member is said to be on disk ${entry.disk}`, entry.offset)
  }
  if (((entry.externalAttributes >>> 16) & 0xf000) === 0xa000 && entry.madeBy >>> 8 === 3) {
    archive.note('symbolic-link', 'a member is a symbolic link', entry.offset)
  }
  if (entry.unicodeName !== undefined && entry.unicodeName !== entry.name) {
    archive.note('second-name', 'a member has a different name in its Unicode path field', entry.offset)
    const header = { ...entry, name: entry.unicodeName }
    const local = readLocalHeader(archive.source, entry.localOffset + shift)
    if (local !== undefined) readings.add(header, 'central', local.offset, local.end)
  }
  let isFound = false
  for (const headerOffset of new Set([entry.localOffset, entry.localOffset + shift])) {
    const local = readLocalHeader(archive.source, headerOffset)
    if (local === undefined) continue
    isFound = true
    if (!readings.add(entry, 'central', headerOffset, local.end)) return false
    if (compareHeaders(archive, entry, local) && !readings.add(local, 'local', headerOffset, local.end))
      return false
  }
  if (!isFound) {
    archive.note('no-local-header', 'the directory names a member that is not there', entry.offset, true)
  }
  return true
}

/** Notes every disagreement; true where the local header describes other bytes or another name. */
function compareHeaders(archive: ZipArchive, central: CentralEntry, local: Header): boolean {
  const note = (code: string, what: string) =>
    archive.note(code, `the local header and the directory disagree on the ${what} of a member`, local.offset)
  const isDescribed = (local.flags & FLAG_DESCRIPTOR) !== 0
  if (central.name !== local.name) note('name-disagrees', 'name')
  if (local.unicodeName !== undefined && local.unicodeName !== local.name) {
    archive.note('second-name', 'a member has a different name in its Unicode path field', local.offset)
  }
  if (central.method !== local.method) note('method-disagrees', 'compression')
  // Whether the name is UTF-8, and how hard it was compressed, change nothing about the bytes.
  const weighty = FLAG_ENCRYPTED | FLAG_PATCH | FLAG_STRONG_ENCRYPTION | FLAG_MASKED
  if ((central.flags & weighty) !== (local.flags & weighty)) note('flags-disagree', 'flags')
  const isSizeKnown = !isDescribed || local.compressedSize !== 0
  const sizesDiffer =
    isSizeKnown && (central.compressedSize !== local.compressedSize || central.size !== local.size)
  if (sizesDiffer) note('size-disagrees', 'size')
  if (central.crc32 !== local.crc32 && !(isDescribed && local.crc32 === 0)) note('crc-disagrees', 'checksum')
  return (
    central.name !== local.name ||
    central.method !== local.method ||
    sizesDiffer ||
    ((central.flags ^ local.flags) & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION)) !== 0
  )
}

function noteEndRecords(archive: ZipArchive, records: readonly EndRecord[], beginsWithMember: boolean): void {
  const [last] = records
  if (last === undefined) {
    archive.note('no-end-record', 'the archive has members and no directory', archive.source.size)
    return
  }
  const followed = records.filter((record) => record.directories.length > 0)
  if (followed.length > 1) {
    archive.note('several-end-records', `${followed.length} end records with a directory each`, last.offset)
  }
  if (followed.some((record) => new Set(record.directories.map((d) => d.offset)).size > 1)) {
    archive.note('several-directories', 'loaders find different directories', last.offset)
  } else if (followed.some((record) => record.directories.some((directory) => directory.shift !== 0))) {
    archive.note(
      'shifted',
      'the offsets in the archive are not counted from the start of the file',
      last.offset,
    )
  }
  if (followed.length === 0 && (beginsWithMember || last.entryCount > 0)) {
    archive.note('no-directory', 'the end record names no directory that is there', last.offset)
  }
}

/** Walks what no directory claims: local headers that stand there are members for loaders that read in order. */
function walkUnclaimed(
  archive: ZipArchive,
  readings: Readings,
  taken: readonly Range[],
  records: readonly EndRecord[],
): ZipGap[] {
  const { source } = archive
  const claimed = [...taken]
  for (const member of readings.sorted()) claimed.push(extentOf(archive, member))
  const gaps: ZipGap[] = []
  const firstClaimed = Math.min(source.size, ...claimed.slice(0, 1).map((range) => range.start))
  for (const range of unclaimed(claimed, source.size)) {
    let at = range.start
    while (at < range.end) {
      const found = indexOfBytes(source, LOCAL_MAGIC, at, range.end)
      const header = found < 0 ? undefined : readLocalHeader(source, found)
      if (header === undefined) {
        if (found < 0) break
        gaps.push(gapAt(archive, at, found + 4, records, firstClaimed))
        at = found + 4
        continue
      }
      if (found > at) gaps.push(gapAt(archive, at, found, records, firstClaimed))
      // A size left to the data descriptor is bounded by the next thing that is known.
      const isOpen = (header.flags & FLAG_DESCRIPTOR) !== 0 && header.compressedSize === 0
      const sized = isOpen ? { ...header, compressedSize: Math.max(0, range.end - header.end) } : header
      if (!readings.add(sized, 'local', found, header.end)) return gaps
      if (records.length > 0) {
        archive.note('unlisted-member', 'a member that no directory lists', found)
      }
      at = isOpen
        ? Math.max(header.end, found + 30)
        : Math.max(header.end, header.end + header.compressedSize)
    }
    if (at < range.end) gaps.push(gapAt(archive, at, range.end, records, firstClaimed))
  }
  return gaps.filter((gap) => gap.length > 0)
}

function gapAt(
  archive: ZipArchive,
  start: number,
  end: number,
  records: readonly EndRecord[],
  firstClaimed: number,
): ZipGap {
  const length = Math.min(end, archive.source.size) - start
  const comment = records.find((record) => record.offset + 22 === start)
  if (comment !== undefined && end <= comment.end) return { kind: 'comment', offset: start, length }
  if (records[0] !== undefined && start >= records[0].offset) return { kind: 'suffix', offset: start, length }
  return { kind: start === 0 && firstClaimed >= 0 ? 'prefix' : 'between', offset: start, length }
}

/** From the local header to the end of the data descriptor. */
function extentOf(archive: ZipArchive, member: ZipMember): Range {
  const dataEnd = member.dataOffset + member.compressedSize
  if ((member.flags & FLAG_DESCRIPTOR) === 0) return { start: member.headerOffset, end: dataEnd }
  const after = archive.source.read(dataEnd, 24)
  const signed = after[0] === 0x50 && after[1] === 0x4b && after[2] === 0x07 && after[3] === 0x08
  // Sizes are 8 bytes each in a zip64 descriptor; the next signature tells which it is.
  const lengths = signed ? [16, 24] : [12, 20]
  const end =
    lengths.find((length) => isSignature(archive.source.read(dataEnd + length, 2))) ?? lengths[0] ?? 0
  return { start: member.headerOffset, end: dataEnd + end }
}

function isSignature(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b
}

function unclaimed(claimed: readonly Range[], size: number): Range[] {
  const gaps: Range[] = []
  let at = 0
  for (const range of [...claimed].sort((a, b) => a.start - b.start)) {
    if (range.start > at) gaps.push({ start: at, end: Math.min(range.start, size) })
    at = Math.max(at, range.end)
  }
  if (at < size) gaps.push({ start: at, end: size })
  return gaps
}

function noteOverlap(archive: ZipArchive, members: readonly ZipMember[]): void {
  let end = 0
  let previous: ZipMember | undefined
  for (const member of members) {
    if (
      member.headerOffset < end &&
      previous !== undefined &&
      previous.headerOffset !== member.headerOffset
    ) {
      archive.note('overlap', 'members share bytes', member.headerOffset)
      return
    }
    end = Math.max(end, member.dataOffset + member.compressedSize)
    previous = member
  }
}
