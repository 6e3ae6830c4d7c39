import type { Finding } from '../../../core/index.ts'
import { type FileReport, verdictOf } from '../report.ts'
import { isUnreadRule } from '../rules.ts'

/** A finding that somebody accepts for a while. */
export interface Suppression {
  readonly rule: string
  /** The path as the report gives it, or the end of it. */
  readonly path?: string | undefined
  readonly sha256?: string | undefined
  readonly reason: string
  /** The last day on which it holds, such as `2027-01-31`. */
  readonly expires: string
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
