import { type Finding, isAtLeast } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { memorySource } from '../../formats/index.ts'
import { CODE_CARRIERS } from './code-carriers.ts'
import { DEFAULT_SCAN_BUDGET } from './engine/budget.ts'
import { scanSource } from './engine/scan-file.ts'
import { ONNX_READER } from './onnx/index.ts'
import type { FormatReader, ScannedFile } from './reader.ts'
import { type FileReport, findingOf, type ScanReport, verdictOf } from './report.ts'
import { isUnreadRule, OVERSIZED_FILE, UNKNOWN_FORMAT, UNREADABLE_FILE } from './rules.ts'
import { SCANNER } from './scanner.ts'
import { TEXT_READER } from './text-files.ts'

/** Protobuf, and with it ONNX, ends at 2 GiB. */
const MAX_FILE_BYTES = 2 * 1024 * 1024 * 1024

const READERS: readonly FormatReader[] = [ONNX_READER, ...CODE_CARRIERS, TEXT_READER]

/**
 * Judges the files of an artifact by what their bytes are. A file that several formats claim is read as each of them:
 * a polyglot answers for all that it is. What no reader claims, or what could not be read, is never clean.
 */
export async function scanArtifact(
  files: Iterable<ScannedFile> | AsyncIterable<ScannedFile>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ScanReport> {
  const reports: FileReport[] = []
  for await (const file of files) {
    options.signal?.throwIfAborted()
    reports.push(await scanFile(file))
  }
  const findings = reports.flatMap((report) => report.findings)
  return { verdict: verdictOf(findings, isUnreadRule), findings, files: reports, scanner: SCANNER }
}

async function scanFile(file: ScannedFile): Promise<FileReport> {
  const { format, findings } = await readFile(file)
  const verdict = verdictOf(findings, isUnreadRule)
  return { path: file.path, sizeBytes: file.sizeBytes, format, verdict, findings }
}

async function readFile(file: ScannedFile): Promise<{ format: string; findings: Finding[] }> {
  const location = { path: file.path }
  if (file.sizeBytes > MAX_FILE_BYTES) {
    return {
      format: 'unknown',
      findings: [findingOf(OVERSIZED_FILE, 'the file is larger than 2 GiB', location)],
    }
  }
  const bytes = await file.bytes().catch(() => undefined)
  if (bytes === undefined || bytes.length !== file.sizeBytes) {
    const message = bytes === undefined ? 'the file cannot be read' : 'the file is not as long as it was'
    return { format: 'unknown', findings: [findingOf(UNREADABLE_FILE, message, location)] }
  }
  const readers = READERS.filter((reader) => reader.recognises(bytes))
  const findings = readers.flatMap((reader) => reader.check(bytes, file.path))
  if (readers.length === 0) {
    findings.push(findingOf(UNKNOWN_FORMAT, 'the bytes are of no format that is let in', location))
  }
  // What is refused already needs no second opinion.
  if (findings.length === 0) findings.push(...(await furtherFindings(bytes, file.path)))
  return { format: readers[0]?.format ?? 'unknown', findings }
}

/**
 * What the scanner of any file sees besides: archives behind a text, secrets, templates, configurations that call code.
 * Admission knows fewer formats than the scanner and never says less.
 */
async function furtherFindings(bytes: Uint8Array, path: string): Promise<Finding[]> {
  const report = await scanSource(memorySource(bytes), path, sha256(bytes), {
    budget: DEFAULT_SCAN_BUDGET,
    allowGlobals: new Set(),
    monotonicMs: () => performance.now(),
  })
  return report.findings.filter((finding) => isAtLeast(finding.severity, 'low'))
}
