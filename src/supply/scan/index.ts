export { parseAllowedGlobals, scannerDigest } from './allowed-globals.ts'
export {
  DEFAULT_SCAN_BUDGET,
  type ExaminedFile,
  parseSuppressions,
  readScanCache,
  type ScanBudget,
  type ScanInput,
  type ScannedPath,
  type ScanOptions,
  type SuppressedReport,
  type Suppression,
  scan,
  scanPaths,
  suppress,
  writeScanCache,
} from './engine/index.ts'
export { SCAN_SCHEMA_VERSION, toJson, toJUnit, toSarif } from './output/index.ts'
export type { FormatReader, ScannedFile } from './reader.ts'
export type { FileReport, Rule, ScanReport, ScanVerdict } from './report.ts'
export { RULES } from './rules.ts'
export { SCANNER, scanArtifact } from './scan-artifact.ts'
