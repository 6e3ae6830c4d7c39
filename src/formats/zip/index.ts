export { escapes } from './names.ts'
export { readZip } from './read-zip.ts'
export type { ZipBudget, ZipGap, ZipMember, ZipReading, ZipView } from './zip.ts'
export { DEFAULT_ZIP_BUDGET } from './zip.ts'
