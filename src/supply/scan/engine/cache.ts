import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as z from 'zod'
import { isSha256, SEVERITIES } from '../../../core/index.ts'
import type { FileReport } from '../report.ts'
import { cacheKey } from './jobs.ts'

const referenceSchema = z.object({
  scheme: z.enum(['CWE', 'OWASP-LLM', 'MITRE-ATLAS', 'CVE', 'GHSA', 'NIST-AI-RMF']),
  id: z.string(),
})
const locationSchema = z.object({
  path: z.string(),
  member: z.string().exactOptional(),
  offset: z.number().exactOptional(),
})
const reportSchema = z.object({
  path: z.string(),
  sizeBytes: z.number(),
  sha256: z.string().refine(isSha256),
  format: z.string(),
  verdict: z.enum(['clean', 'findings', 'inconclusive']),
  findings: z.array(
    z.object({
      rule: z.string(),
      severity: z.enum(SEVERITIES),
      message: z.string(),
      location: locationSchema,
      evidence: z.string().exactOptional(),
      references: z.array(referenceSchema).exactOptional(),
    }),
  ),
})
const cacheSchema = z.object({
  format: z.literal('sallyport-scan-cache'),
  rules: z.string(),
  reports: z.array(reportSchema),
})

/** Reports of an earlier scan. Empty where the file is not there, damaged, or made by other rules. */
export function readScanCache(path: string, rulesDigest: string): Map<string, FileReport> {
  const known = new Map<string, FileReport>()
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return known
  }
  const cache = cacheSchema.safeParse(value)
  if (!cache.success || cache.data.rules !== rulesDigest) return known
  for (const report of cache.data.reports) known.set(cacheKey(report.sha256, report.path), report)
  return known
}

/** Keeps what may be taken over: reports with a digest whose verdict does not hang on the machine they were made on. */
export function writeScanCache(path: string, rulesDigest: string, reports: readonly FileReport[]): void {
  const kept = reports.filter((report) => report.sha256 !== undefined && report.verdict !== 'inconclusive')
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(
    temporary,
    JSON.stringify({ format: 'sallyport-scan-cache', rules: rulesDigest, reports: kept }),
    { mode: 0o600 },
  )
  renameSync(temporary, path)
}
