import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { isSha256, type Sha256 } from '../../../core/index.ts'
import { type ByteSource, fileSource, memorySource } from '../../../formats/index.ts'
import { type FileReport, verdictOf } from '../report.ts'
import { isUnreadRule } from '../rules.ts'
import { fileBlob } from './blob.ts'
import { Examination, type ExaminationOptions } from './examination.ts'
import { examine } from './examine.ts'
import { type ExaminedFile, reasonOf, scanFinding, unreadable } from './unreadable.ts'

const CHUNK_BYTES = 512 * 1024

export interface ScanFileOptions extends ExaminationOptions {
  /** Bytes hashed so far of the file being scanned. */
  readonly onBytes?: (bytes: number) => void
  /** A report made before for these very bytes and this very name, if there is one. */
  readonly known?: (sha256: Sha256, name: string) => FileReport | undefined
}

/** Hashes and examines one file. Never throws for what a path or a file can be: what cannot be read is a finding. */
export async function scanFile(
  path: string,
  displayPath: string,
  options: ScanFileOptions,
): Promise<ExaminedFile> {
  let descriptor: number
  let before: Stats
  try {
    // Before opening: a pipe would block, a device would act.
    const found = statSync(path)
    if (!found.isFile()) return unreadable(displayPath, `it is ${kindOf(found)}, not a file`)
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (thrown) {
    return unreadable(displayPath, reasonOf(thrown))
  }
  try {
    before = fstatSync(descriptor)
    if (!before.isFile()) return unreadable(displayPath, `it is ${kindOf(before)}, not a file`)
    return await scanDescriptor(descriptor, before, displayPath, options)
  } catch (thrown) {
    return unreadable(displayPath, reasonOf(thrown))
  } finally {
    closeSync(descriptor)
  }
}

/** Scans an open regular file; the descriptor stays the caller's. */
export async function scanDescriptor(
  descriptor: number,
  before: Stats,
  displayPath: string,
  options: ScanFileOptions,
): Promise<ExaminedFile> {
  const { sha256, whole } = hash(descriptor, options)
  const known = options.known?.(sha256, displayPath)
  if (known !== undefined) return { ...known, path: displayPath, imports: [] }
  const report = await scanSource(
    whole === undefined ? fileSource(descriptor, before.size) : memorySource(whole),
    displayPath,
    sha256,
    options,
  )
  const after = fstatSync(descriptor)
  if (after.size === before.size && after.mtimeMs === before.mtimeMs) return report
  const changed = scanFinding('scan.changed', 'the file changed while it was read', displayPath)
  const findings = [...report.findings, changed]
  return { ...report, findings, verdict: verdictOf(findings, isUnreadRule) }
}

/** Examines bytes that are already hashed. */
export async function scanSource(
  source: ByteSource,
  displayPath: string,
  sha256: Sha256,
  options: ExaminationOptions,
): Promise<ExaminedFile> {
  const examination = new Examination(displayPath, source.size, options)
  await examine(fileBlob(source, displayPath), examination)
  return {
    path: displayPath,
    sizeBytes: source.size,
    sha256,
    format: examination.formats[0] ?? 'unknown',
    verdict: verdictOf(examination.findings, isUnreadRule),
    findings: examination.findings,
    imports: [...examination.imports].sort(),
    ...(options.isExplained === true ? { explanation: examination.explanation } : {}),
  }
}

/** Of one worker: a file that fits is read once, hashed and examined where it lies. */
let buffer: Buffer | undefined

/** Hashes the whole file. Gives its bytes too where they are few; they are valid until the next file. */
function hash(
  descriptor: number,
  options: ScanFileOptions,
): { sha256: Sha256; whole: Uint8Array | undefined } {
  buffer ??= Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const digest = createHash('sha256')
  let position = 0
  for (;;) {
    const count = readSync(descriptor, buffer, 0, CHUNK_BYTES, position)
    if (count === 0) break
    digest.update(count === CHUNK_BYTES ? buffer : buffer.subarray(0, count))
    position += count
    options.onBytes?.(position)
    // A short read of a regular file is its end.
    if (count < CHUNK_BYTES && position === count) break
  }
  const sha256 = digest.digest('hex')
  if (!isSha256(sha256)) throw new TypeError('a digest is not a digest')
  return { sha256, whole: position < CHUNK_BYTES ? buffer.subarray(0, position) : undefined }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a pipe'
  if (stats.isSocket()) return 'a socket'
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'something special'
}
