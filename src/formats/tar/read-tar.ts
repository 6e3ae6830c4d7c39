import type { Anomaly } from '../anomaly.ts'
import type { ByteSource } from '../bytes/index.ts'
import { escapes } from '../zip/index.ts'

export interface TarMember {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'symbolic-link' | 'hard-link' | 'device' | 'other'
  readonly linkName: string
  readonly headerOffset: number
  readonly dataOffset: number
  readonly size: number
}

export interface TarReading {
  readonly isTar: boolean
  readonly members: readonly TarMember[]
  /** First byte that belongs to no member and no padding. */
  readonly end: number
  readonly anomalies: readonly Anomaly[]
}

const BLOCK = 512
const MAX_MEMBERS = 200_000
const MAX_NAME_BYTES = 64 * 1024
const MAX_ANOMALIES = 200

/**
 * Reads v7, ustar, GNU and pax archives (POSIX.1-2017 pax, GNU tar manual "Basic Tar Format"). A file is a tar when the
 * checksum of its first header is right, whatever its magic says, because that is what Python's tarfile goes by.
 */
export function readTar(source: ByteSource): TarReading {
  const members: TarMember[] = []
  const anomalies: Anomaly[] = []
  const note = (code: string, message: string, offset: number, isUnread = false) => {
    if (anomalies.length < MAX_ANOMALIES) anomalies.push({ code, message, offset, isUnread })
  }
  let at = 0
  let longName: string | undefined
  let longLink: string | undefined
  let pax = new Map<string, string>()
  const globals = new Map<string, string>()
  while (at + BLOCK <= source.size) {
    const header = Buffer.from(source.read(at, BLOCK))
    if (header.every((byte) => byte === 0)) {
      at += BLOCK
      if (isZeros(source, at, BLOCK)) break
      continue
    }
    if (!hasChecksum(header)) {
      if (members.length > 0) note('bad-header', 'a header whose checksum is wrong', at, true)
      break
    }
    const type = String.fromCharCode(header[156] ?? 0)
    const declared = Number(pax.get('size') ?? Number.NaN)
    const size =
      Number.isSafeInteger(declared) && declared >= 0 ? declared : readNumber(header.subarray(124, 136))
    const dataOffset = at + BLOCK
    const next = dataOffset + Math.ceil(size / BLOCK) * BLOCK
    const body = () => Buffer.from(source.read(dataOffset, Math.min(size, MAX_NAME_BYTES)))
    if (type === 'L' || type === 'K') {
      if (type === 'L') longName = cString(body())
      else longLink = cString(body())
    } else if (type === 'x' || type === 'g') {
      const records = readPax(body())
      if (type === 'x') pax = records
      else for (const [key, value] of records) globals.set(key, value)
    } else {
      const name = pax.get('path') ?? longName ?? globals.get('path') ?? nameOf(header)
      const linkName = pax.get('linkpath') ?? longLink ?? cString(header.subarray(157, 257))
      const member: TarMember = {
        name,
        kind: kindOf(type, name),
        linkName,
        headerOffset: at,
        dataOffset,
        size,
      }
      members.push(member)
      noteMember(member, note)
      if (type === 'S' || pax.has('GNU.sparse.major'))
        note('sparse', 'a sparse member is read as it lies', at)
      longName = undefined
      longLink = undefined
      pax = new Map()
    }
    if (next > source.size && dataOffset + size > source.size) {
      note('truncated', 'a member is longer than the archive', at, true)
    }
    if (members.length >= MAX_MEMBERS) {
      note('too-many-members', 'more members than are read', at, true)
      at = next
      break
    }
    // Links and folders carry no data, whatever their size says (POSIX.1-2017 pax).
    at = type === '5' || type === '1' || type === '2' ? dataOffset : next
  }
  // Writers pad with zeros to a multiple of 10 KiB.
  while (at < source.size && isZeros(source, at, BLOCK)) at += BLOCK
  return { isTar: members.length > 0, members, end: Math.min(at, source.size), anomalies }
}

function noteMember(member: TarMember, note: (code: string, message: string, offset: number) => void): void {
  if (escapes(member.name))
    note('path-escape', 'a name leaves the folder it is unpacked into', member.headerOffset)
  const isLink = member.kind === 'symbolic-link' || member.kind === 'hard-link'
  if (isLink && escapes(member.linkName))
    note('link-escape', 'a link points out of the archive', member.headerOffset)
  if (member.kind === 'device') note('device', 'a member is a device or a pipe', member.headerOffset)
}

function hasChecksum(header: Buffer): boolean {
  const stated = readNumber(header.subarray(148, 156))
  let unsigned = 0
  let signed = 0
  for (let index = 0; index < BLOCK; index++) {
    const byte = index >= 148 && index < 156 ? 32 : (header[index] ?? 0)
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  return stated === unsigned || stated === signed
}

/** Octal text, or base 256 when the first bit is set. */
function readNumber(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = (field[0] ?? 0) & 0x7f
    for (const byte of field.subarray(1)) value = value * 256 + byte
    return value
  }
  const text = cString(field).trim()
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : 0
}

function nameOf(header: Buffer): string {
  const name = cString(header.subarray(0, 100))
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? cString(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function kindOf(type: string, name: string): TarMember['kind'] {
  if (type === '5') return 'directory'
  if (type === '1') return 'hard-link'
  if (type === '2') return 'symbolic-link'
  if (type === '3' || type === '4' || type === '6') return 'device'
  if (type === '0' || type === '\0' || type === '7' || type === 'S')
    return name.endsWith('/') ? 'directory' : 'file'
  return 'other'
}

function readPax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const length = space < 0 ? 0 : Number.parseInt(body.toString('latin1', at, space), 10)
    if (!(length > space - at) || at + length > body.length) break
    const record = body.toString('utf8', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

function isZeros(source: ByteSource, offset: number, length: number): boolean {
  return source.read(offset, length).every((byte) => byte === 0)
}
