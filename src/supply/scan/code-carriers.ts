import type { FormatReader } from './reader.ts'
import { findingOf, type Rule } from './report.ts'

export const EXECUTABLE: Rule = {
  id: 'scan.executable',
  severity: 'critical',
  title: 'A program or shared library',
  references: [
    { scheme: 'CWE', id: 'CWE-829' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  ],
}

export const CODE_CARRYING_FORMAT: Rule = {
  id: 'scan.code-carrying-format',
  severity: 'critical',
  title: 'A model format that can run code when it is loaded',
  references: [
    { scheme: 'CWE', id: 'CWE-502' },
    { scheme: 'OWASP-LLM', id: 'LLM03' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  ],
}

export const ARCHIVE: Rule = {
  id: 'scan.archive',
  severity: 'high',
  title: 'An archive or compressed file',
  references: [{ scheme: 'CWE', id: 'CWE-434' }],
}

export const SCRIPT: Rule = {
  id: 'scan.script',
  severity: 'critical',
  title: 'A script',
  references: [
    { scheme: 'CWE', id: 'CWE-829' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  ],
}

/** Formats that are refused for what they are: whatever is inside, nothing of it is let in. */
export const CODE_CARRIERS: readonly FormatReader[] = [
  refused('elf', EXECUTABLE, (bytes) => startsWith(bytes, '7f454c46')),
  refused('windows-executable', EXECUTABLE, isPortableExecutable),
  refused('mach-o', EXECUTABLE, (bytes) => MACH_O.some((magic) => startsWith(bytes, magic))),
  // Fat Mach-O and Java classes share this magic; both are programs.
  refused('mach-o-universal-or-java-class', EXECUTABLE, (bytes) => startsWith(bytes, 'cafebabe')),
  refused('webassembly', EXECUTABLE, (bytes) => startsWith(bytes, '0061736d')),
  refused('script', SCRIPT, (bytes) => startsWith(bytes, '2321')),
  refused('pickle', CODE_CARRYING_FORMAT, (bytes) => isBinaryPickle(bytes) || isTextPickle(bytes)),
  refused('zip', CODE_CARRYING_FORMAT, isZip),
  refused('numpy', CODE_CARRYING_FORMAT, (bytes) => startsWith(bytes, '934e554d5059')),
  refused('hdf5', CODE_CARRYING_FORMAT, isHdf5),
  refused('saved-model', CODE_CARRYING_FORMAT, isSavedModel),
  refused('gzip', ARCHIVE, (bytes) => startsWith(bytes, '1f8b')),
  refused('bzip2', ARCHIVE, (bytes) => startsWith(bytes, '425a68')),
  refused('xz', ARCHIVE, (bytes) => startsWith(bytes, 'fd377a585a00')),
  refused('zstd', ARCHIVE, (bytes) => startsWith(bytes, '28b52ffd')),
  refused('lz4', ARCHIVE, (bytes) => startsWith(bytes, '04224d18')),
  refused('7z', ARCHIVE, (bytes) => startsWith(bytes, '377abcaf271c')),
  refused('rar', ARCHIVE, (bytes) => startsWith(bytes, '526172211a07')),
  refused('cabinet', ARCHIVE, (bytes) => startsWith(bytes, '4d534346')),
  refused('tar', ARCHIVE, isTar),
]

const MACH_O = ['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe']

function refused(format: string, rule: Rule, recognises: (bytes: Uint8Array) => boolean): FormatReader {
  return {
    format,
    recognises,
    check: (_bytes, path) => [
      findingOf(rule, `the file is ${article(format)}, which is not let in`, { path, offset: 0 }),
    ],
  }
}

function article(format: string): string {
  return `${/^[aeioux]/.test(format) ? 'an' : 'a'} ${format} file`
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, magic.length / 2)).toString('hex') ===
    magic
  )
}

/** `MZ` with a PE header where its offset says, or a DOS program: a text may well begin with these two letters. */
function isPortableExecutable(bytes: Uint8Array): boolean {
  if (!startsWith(bytes, '4d5a') || bytes.length < 64) return false
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const header = view.readUInt32LE(0x3c)
  return (
    (header + 4 <= view.length && view.readUInt32LE(header) === 0x0000_4550) ||
    view.subarray(0, 64).includes(0)
  )
}

/** Protocols 2 to 5 begin with the opcode PROTO and their number. */
function isBinaryPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes.length >= 3 && (bytes[1] ?? 255) <= 9
}

const DOT = 0x2e
const TEXT_PICKLE_WINDOW = 64 * 1024

/**
 * Protocol 0 is text: an import is `c`, a module and a name on lines of their own, a call is `R`, `i` or `o`, and STOP is
 * a dot. The first opcode must stand at the very beginning.
 */
function isTextPickle(bytes: Uint8Array): boolean {
  if (!'cC(]}lditISUVLFJKMNGXB'.includes(String.fromCharCode(bytes[0] ?? 0))) return false
  if (!bytes.includes(DOT)) return false
  const text = Buffer.from(
    bytes.buffer,
    bytes.byteOffset,
    Math.min(bytes.length, TEXT_PICKLE_WINDOW),
  ).toString('latin1')
  return (
    /(?:^|[(\]}lt\n0-9])[ci][A-Za-z_][\w.]{0,200}\n[A-Za-z_][\w.]{0,200}\n/.test(text) &&
    /[Rob\n].{0,8}\./.test(text)
  )
}

const END_RECORD_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff

/** A zip is found from its end, so anything may stand before it; readers of local headers find it at the front. */
function isZip(bytes: Uint8Array): boolean {
  if (startsWith(bytes, '504b0304') || startsWith(bytes, '504b0506') || startsWith(bytes, '504b0708'))
    return true
  const start = Math.max(0, bytes.length - END_RECORD_BYTES - MAX_COMMENT_BYTES)
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.length - start)
  for (let at = tail.lastIndexOf('PK\u0005\u0006', undefined, 'latin1'); at >= 0; ) {
    if (isEndRecord(tail, at, start)) return true
    if (at === 0) return false
    at = tail.lastIndexOf('PK\u0005\u0006', at - 1, 'latin1')
  }
  return false
}

/** Random weights hold the signature now and then; a real record also fits what stands around it. */
function isEndRecord(tail: Buffer, at: number, start: number): boolean {
  if (at + END_RECORD_BYTES > tail.length) return false
  const comment = tail.readUInt16LE(at + 20)
  const directoryBytes = tail.readUInt32LE(at + 12)
  return at + END_RECORD_BYTES + comment <= tail.length && directoryBytes <= start + at
}

/** The signature stands at the start, or after a user block of 512 bytes or a doubling of it (HDF5 format, II.A). */
function isHdf5(bytes: Uint8Array): boolean {
  for (let at = 0; at + 8 <= bytes.length; at = at === 0 ? 512 : at * 2) {
    if (startsWith(bytes.subarray(at), '894844460d0a1a0a')) return true
  }
  return false
}

/** SavedModel: `saved_model_schema_version` (field 1, a small integer), then `meta_graphs` (field 2) with a `meta_info_def`. */
function isSavedModel(bytes: Uint8Array): boolean {
  if (bytes[0] === 0x08 && (bytes[1] ?? 255) < 0x10 && bytes[2] === 0x12) {
    let at = 3
    while ((bytes[at] ?? 0) >= 0x80 && at < 13) at++
    return bytes[at + 1] === 0x0a
  }
  return false
}

/** `ustar` in the first header; older tars have only a checksum to know them by. */
function isTar(bytes: Uint8Array): boolean {
  if (bytes.length < 512) return false
  if (startsWith(bytes.subarray(257), '7573746172')) return true
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, 512)
  const stated = header
    .subarray(148, 156)
    .toString('latin1')
    .match(/^ *([0-7]{4,7})[\0 ]/)?.[1]
  if (stated === undefined) return false
  let sum = 8 * 0x20
  for (let at = 0; at < 512; at++) sum += at >= 148 && at < 156 ? 0 : (header[at] ?? 0)
  return sum === Number.parseInt(stated, 8)
}
