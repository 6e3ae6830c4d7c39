import type { Finding } from '../../../core/index.ts'
import type { ScannedPath } from '../engine/scan.ts'
import type { SuppressedReport } from '../engine/suppression.ts'

/** Raised when a field changes its meaning or goes away; new fields may appear. */
export const SCAN_SCHEMA_VERSION = 1

export function toJson(
  results: readonly SuppressedReport<ScannedPath>[],
  scanner: { readonly version: string },
): unknown {
  return {
    schemaVersion: SCAN_SCHEMA_VERSION,
    scanner: { name: 'sallyport', version: scanner.version },
    files: results.map(({ report, suppressed }) => ({
      path: report.path,
      kind: report.kind,
      sha256: report.sha256 ?? null,
      sizeBytes: report.sizeBytes,
      format: report.format,
      verdict: report.verdict,
      findings: report.findings.map(toFinding),
      ...(report.imports.length === 0 ? {} : { imports: report.imports }),
      ...(suppressed.length === 0
        ? {}
        : {
            suppressed: suppressed.map((own) => ({
              ...toFinding(own.finding),
              reason: own.reason,
              expires: own.expires,
            })),
          }),
    })),
  }
}

function toFinding(finding: Finding): object {
  const { location } = finding
  return {
    rule: finding.rule,
    severity: finding.severity,
    message: finding.message,
    ...(location.offset === undefined ? {} : { offset: location.offset }),
    ...(location.member === undefined ? {} : { member: location.member }),
    ...(finding.evidence === undefined ? {} : { evidence: finding.evidence }),
    ...(finding.references === undefined ? {} : { references: finding.references }),
  }
}
