/** The scanner, and the library face `sallyport/scan`. What few scans need is loaded only when it is called. */

import type { Suppression } from './engine/index.ts'
import type { ScannedFile } from './reader.ts'
import type { FileReport, ScanReport } from './report.ts'

export { parseAllowedGlobals, scannerDigest } from './allowed-globals.ts'
export {
  DEFAULT_SCAN_BUDGET,
  type ExaminedFile,
  type ScanBudget,
  type ScanInput,
  type ScannedPath,
  type ScanOptions,
  type SuppressedReport,
  type Suppression,
  scan,
  scanPaths,
  suppress,
} from './engine/index.ts'
export { SCAN_SCHEMA_VERSION, toJson, toJUnit, toSarif } from './output/index.ts'
export type { FormatReader, ScannedFile } from './reader.ts'
export type { FileReport, Rule, ScanReport, ScanVerdict } from './report.ts'
export { RULES } from './rules.ts'
export { SCANNER } from './scanner.ts'

/** Reads a file of suppressions, YAML or JSON. Each has a reason and an expiry, and names a file by path or digest. */
export async function parseSuppressions(text: string): Promise<readonly Suppression[]> {
  return (await import('./engine/suppression-file.ts')).parseSuppressions(text)
}

/** Reports of an earlier scan. Empty where the file is not there, damaged, or made by other rules. */
export async function readScanCache(path: string, rulesDigest: string): Promise<Map<string, FileReport>> {
  return (await import('./engine/cache.ts')).readScanCache(path, rulesDigest)
}

/** Keeps reports for `readScanCache`; written whole or not at all. */
export async function writeScanCache(
  path: string,
  rulesDigest: string,
  reports: readonly FileReport[],
): Promise<void> {
  const { writeScanCache: write } = await import('./engine/cache.ts')
  write(path, rulesDigest, reports)
}

/** Judges the files of an artifact for admission: stricter than a scan, since only what is let in may pass. */
export async function scanArtifact(
  files: Iterable<ScannedFile> | AsyncIterable<ScannedFile>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ScanReport> {
  return (await import('./scan-artifact.ts')).scanArtifact(files, options)
}
