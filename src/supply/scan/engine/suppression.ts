import { parse } from 'yaml'
import * as z from 'zod'
import { type Finding, SallyportError } from '../../../core/index.ts'
import { type FileReport, verdictOf } from '../report.ts'
import { isUnreadRule } from '../rules.ts'

const suppressionSchema = z.strictObject({
  rule: z.string().min(1),
  /** The path as the report gives it, or the end of it. */
  path: z.string().min(1).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  reason: z.string().min(8, 'a reason of at least 8 characters'),
  expires: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a date such as 2027-01-31'),
})
const fileSchema = z.strictObject({ suppressions: z.array(suppressionSchema).max(10_000) })

export type Suppression = z.infer<typeof suppressionSchema>

/** Reads a file of suppressions, YAML or JSON. Each has a reason and an expiry, and names a file by path or digest. */
export function parseSuppressions(text: string): readonly Suppression[] {
  let value: unknown
  try {
    value = parse(text)
  } catch (thrown) {
    throw invalid('it is not YAML', thrown)
  }
  const result = fileSchema.safeParse(value)
  if (!result.success) throw invalid(z.prettifyError(result.error), result.error)
  const bare = result.data.suppressions.find((own) => own.path === undefined && own.sha256 === undefined)
  if (bare !== undefined)
    throw invalid(`the suppression of ${bare.rule} names neither a path nor a sha256`, undefined)
  return result.data.suppressions
}

function invalid(what: string, cause: unknown): SallyportError {
  return new SallyportError('scan.suppressions-invalid', `the file of suppressions cannot be used: ${what}`, {
    kind: 'invalid',
    remedy:
      'write `suppressions:` with entries of rule, path or sha256, reason and expires; see docs/how-to/scan.md',
    cause,
  })
}

export interface SuppressedReport<Report extends FileReport> {
  readonly report: Report
  readonly suppressed: readonly {
    readonly finding: Finding
    readonly reason: string
    readonly expires: string
  }[]
}

/** Takes out what is suppressed and judges the rest again. An expired suppression has no effect. */
export function suppress<Report extends FileReport>(
  report: Report,
  suppressions: readonly Suppression[],
  nowMs: number,
): SuppressedReport<Report> {
  const today = new Date(nowMs).toISOString().slice(0, 10)
  const active = suppressions.filter((own) => own.expires >= today && fits(own, report))
  if (active.length === 0) return { report, suppressed: [] }
  const suppressed: { finding: Finding; reason: string; expires: string }[] = []
  const findings = report.findings.filter((finding) => {
    const match = active.find((own) => own.rule === finding.rule)
    if (match !== undefined) suppressed.push({ finding, reason: match.reason, expires: match.expires })
    return match === undefined
  })
  return { report: { ...report, findings, verdict: verdictOf(findings, isUnreadRule) }, suppressed }
}

function fits(own: Suppression, report: FileReport): boolean {
  if (own.sha256 !== undefined && own.sha256 !== report.sha256) return false
  return own.path === undefined || report.path === own.path || report.path.endsWith(`/${own.path}`)
}
