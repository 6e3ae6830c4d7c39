export { DEFAULT_SCAN_BUDGET, type ScanBudget } from './budget.ts'
export { type ScanInput, type ScannedPath, type ScanOptions, scan, scanPaths } from './scan.ts'
export { type SuppressedReport, type Suppression, suppress } from './suppression.ts'
export type { ExaminedFile } from './unreadable.ts'
