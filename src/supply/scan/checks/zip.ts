import { crc32 } from 'node:zlib'
import {
  type ByteSource,
  type Codec,
  sliceSource,
  type ZipMember,
  type ZipReading,
} from '../../../formats/index.ts'
import { type Blob, baseName, innerBlob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

const RULE_OF: Readonly<Record<string, string>> = {
  'name-disagrees': 'zip.name-disagrees',
  'flags-disagree': 'zip.flags-disagree',
  'method-disagrees': 'zip.method-disagrees',
  'size-disagrees': 'zip.size-disagrees',
  'crc-disagrees': 'zip.crc-disagrees',
  'duplicate-name': 'zip.duplicate-name',
  'case-duplicate': 'zip.case-duplicate',
  'case-variant': 'zip.case-variant',
  'second-name': 'zip.second-name',
  'nul-in-name': 'zip.nul-in-name',
  'directory-with-data': 'zip.directory-with-data',
  'several-end-records': 'zip.several-end-records',
  'several-directories': 'zip.several-directories',
  'zip64-disagrees': 'zip.several-directories',
  'unlisted-member': 'zip.unlisted-member',
  overlap: 'zip.overlap',
  'path-escape': 'archive.path-escape',
  backslash: 'archive.path-escape',
  'symbolic-link': 'archive.link',
  'too-many-members': 'archive.too-many-members',
  'too-many-end-records': 'archive.unread',
  'no-local-header': 'zip.unread',
}

const CODEC_OF = new Map<number, Codec>([
  [8, 'deflate'],
  [12, 'bzip2'],
  [14, 'zip-lzma'],
  [93, 'zstd'],
  [95, 'xz'],
])

/** The checksum of a stored member larger than this is left to the loader: it would be a second pass over weights. */
const CHECKED_STORED_BYTES = 4 * 1024 * 1024
const TRAILING_ZEROS_BYTES = 64 * 1024

/** Examines every member of an archive under every view, every gap, and every way in which loaders may disagree. */
export async function checkZip(blob: Blob, reading: ZipReading, context: CheckContext): Promise<void> {
  const { examination } = context
  for (const anomaly of reading.anomalies) {
    const rule = RULE_OF[anomaly.code] ?? 'zip.directory-damaged'
    examination.report(rule, blob, { message: anomaly.message, offset: anomaly.offset })
  }
  await checkGaps(blob, reading, context)
  const kind = archiveKind(reading.members)
  for (const member of reading.members) {
    if (member.isDirectory) continue
    await checkMember(blob, member, kind, context)
  }
}

/** What the names say the archive is; it only decides which extra claims are examined. */
export type ArchiveKind = 'torch' | 'torchscript' | 'package' | 'keras' | 'skops' | 'other'

export function archiveKind(members: readonly ZipMember[]): ArchiveKind {
  const names = new Set(members.map((member) => baseName(member.name).toLowerCase()))
  if (members.some((member) => /(^|\/)\.data\/(extern_modules|python_version)$/.test(member.name)))
    return 'package'
  if (names.has('constants.pkl') || members.some((member) => /(^|\/)code\/.*\.py$/.test(member.name)))
    return 'torchscript'
  if (names.has('data.pkl')) return 'torch'
  if (names.has('config.json') && (names.has('metadata.json') || names.has('model.weights.h5')))
    return 'keras'
  if (names.has('schema.json')) return 'skops'
  return 'other'
}

async function checkMember(
  blob: Blob,
  member: ZipMember,
  kind: ArchiveKind,
  context: CheckContext,
): Promise<void> {
  const { examination } = context
  const name = member.name.split('\0')[0] ?? member.name
  const isTorch = kind === 'torch' || kind === 'torchscript' || kind === 'package'
  const more: Partial<Blob> = {
    isClaimedPickle:
      /\.(pkl|pickle)\/?$/i.test(name) || (isTorch && /(^|\/)(data|constants)\.pkl\/?$/i.test(name)),
    profile: kind === 'torchscript' ? 'torchscript' : kind === 'package' ? 'package' : 'any',
  }
  const packed = sliceSource(blob.source, member.dataOffset, member.compressedSize)
  const inner = (source: ByteSource): Blob => innerBlob(blob, source, name, more)
  if (!examination.admit(inner(packed))) return
  if (member.method === 0) {
    // Without the password the bytes are noise; where the flag lies they are what loaders that ignore it read.
    const isIntact = matchesChecksum(packed, member)
    if (member.isEncrypted && isIntact !== true) reportEncrypted(blob, name, member, context)
    else if (isIntact === false) reportChecksum(inner(packed), member, context)
    await context.descend(inner(packed))
    return
  }
  const codec = CODEC_OF.get(member.method)
  if (codec === undefined) {
    const message = `the member is compressed by method ${member.method}, which is not read`
    examination.report('zip.unread', inner(packed), { message, offset: member.headerOffset })
    await context.descend(inner(packed))
    return
  }
  // The declared size is where an LZMA member ends; elsewhere it is only one more thing to doubt.
  const limit = member.method === 14 ? member.size : Number.POSITIVE_INFINITY
  const end = await examination.expand(
    blob,
    packed,
    codec,
    async (expanded, state) => {
      const isIntact = matchesChecksum(expanded, member)
      if (member.isEncrypted && isIntact !== true) reportEncrypted(blob, name, member, context)
      else if (isIntact === false && state.problem === undefined)
        reportChecksum(inner(expanded), member, context)
      if (expanded.size !== member.size && member.crc32 !== undefined && state.problem === undefined) {
        const message = `the member holds ${expanded.size} bytes and says ${member.size}`
        examination.report('zip.size-disagrees', inner(expanded), { message, offset: member.headerOffset })
      }
      if (expanded.size > 0 && (!member.isEncrypted || isIntact === true))
        await context.descend(inner(expanded))
    },
    limit,
  )
  if (end.problem !== undefined && !member.isEncrypted) {
    const message = 'the compressed member breaks off; loaders act on what comes before'
    examination.report('archive.broken-stream', inner(packed), { message, offset: member.dataOffset })
    await context.descend(inner(packed))
  } else if (member.isEncrypted) {
    await context.descend(inner(packed))
  }
}

function reportEncrypted(blob: Blob, name: string, member: ZipMember, context: CheckContext): void {
  const place = innerBlob(blob, blob.source, name)
  context.examination.report('zip.encrypted', place, {
    message: 'the member is encrypted',
    offset: member.headerOffset,
  })
}

function reportChecksum(blob: Blob, member: ZipMember, context: CheckContext): void {
  const message = 'the contents do not match their checksum, which some loaders ignore'
  context.examination.report('zip.crc-disagrees', blob, { message, offset: member.headerOffset })
}

/** Undefined where there is no checksum to compare, or too much to sum. */
function matchesChecksum(source: ByteSource, member: ZipMember): boolean | undefined {
  if (member.crc32 === undefined || source.size > CHECKED_STORED_BYTES) return undefined
  let sum = 0
  for (let at = 0; at < source.size; at += TRAILING_ZEROS_BYTES) {
    const piece = source.read(at, TRAILING_ZEROS_BYTES)
    if (piece.length === 0) break
    sum = crc32(piece, sum)
  }
  return sum === member.crc32
}

const GAP_RULE = {
  prefix: 'zip.data-before',
  between: 'zip.data-between',
  suffix: 'zip.data-after',
  comment: 'zip.data-in-comment',
} as const

async function checkGaps(blob: Blob, reading: ZipReading, context: CheckContext): Promise<void> {
  for (const gap of reading.gaps) {
    const source = sliceSource(blob.source, gap.offset, gap.length)
    if (isPadding(source) || (gap.kind === 'comment' && isText(source))) continue
    context.examination.report(GAP_RULE[gap.kind], blob, {
      message: `${gap.length} bytes ${GAP_TEXT[gap.kind]}`,
      offset: gap.offset,
    })
    await context.descend(innerBlob(blob, source, `${gap.kind}@${gap.offset}`))
  }
}

const GAP_TEXT = {
  prefix: 'stand before the archive',
  between: 'between members belong to none',
  suffix: 'stand after the archive',
  comment: 'of the archive comment are not text',
} as const

export function isPadding(source: ByteSource): boolean {
  for (let at = 0; at < source.size; at += TRAILING_ZEROS_BYTES) {
    const piece = source.read(at, TRAILING_ZEROS_BYTES)
    if (piece.length === 0) return true
    if (piece.some((byte) => byte !== 0)) return false
  }
  return true
}

function isText(source: ByteSource): boolean {
  return source
    .read(0, 0xffff)
    .every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))
}

/** Whether a zip may be here: a local header at the front, or an end record near the end. */
export function mayBeZip(source: ByteSource): boolean {
  const head = source.read(0, 4)
  if (head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4) return true
  const length = Math.min(source.size, 0xffff + 22)
  const tail = source.read(source.size - length, length)
  return Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).includes('PK\x05\x06', 0, 'latin1')
}
