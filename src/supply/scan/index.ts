export type { FormatReader, ScannedFile } from './reader.ts'
export type { FileReport, Rule, ScanReport, ScanVerdict } from './report.ts'
export { RULES } from './rules.ts'
export { SCANNER, scanArtifact } from './scan-artifact.ts'
