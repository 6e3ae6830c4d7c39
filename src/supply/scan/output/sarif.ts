import { createHash } from 'node:crypto'
import type { Finding, Severity } from '../../../core/index.ts'
import type { ScannedPath } from '../engine/scan.ts'
import type { SuppressedReport } from '../engine/suppression.ts'
import type { Rule } from '../report.ts'

const LEVEL: Readonly<Record<Severity, string>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
}
/** What GitHub sorts by: the ranges of CVSS. */
const SCORE: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '3.0',
  info: '0.0',
}

/** SARIF 2.1.0 (OASIS), one run: each file an artifact with its digest, each finding a result with its byte offset. */
export function toSarif(
  results: readonly SuppressedReport<ScannedPath>[],
  rules: readonly Rule[],
  scanner: { readonly version: string },
): unknown {
  const files = results.filter(({ report }) => report.kind === 'file')
  const used = rules.filter((rule) =>
    files.some(({ report }) => report.findings.some((own) => own.rule === rule.id)),
  )
  const ruleIndex = new Map(used.map((rule, index) => [rule.id, index]))
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'Sallyport',
            semanticVersion: scanner.version,
            rules: used.map((rule) => ({
              id: rule.id,
              name: rule.id.replaceAll(/(?:^|[.-])(\w)/g, (_all, letter: string) => letter.toUpperCase()),
              shortDescription: { text: rule.title },
              fullDescription: { text: rule.title },
              defaultConfiguration: { level: LEVEL[rule.severity] },
              properties: {
                'security-severity': SCORE[rule.severity],
                tags: [
                  'security',
                  ...rule.references.map(
                    (reference) => `external/${reference.scheme.toLowerCase()}/${reference.id.toLowerCase()}`,
                  ),
                ],
              },
            })),
          },
        },
        artifacts: files.map(({ report }) => ({
          location: { uri: toUri(report.path) },
          length: report.sizeBytes,
          ...(report.sha256 === undefined ? {} : { hashes: { 'sha-256': report.sha256 } }),
          properties: { verdict: report.verdict, format: report.format },
        })),
        results: files.flatMap(({ report, suppressed }, artifact) => [
          ...report.findings.map((finding) =>
            toResult(finding, report.path, artifact, ruleIndex.get(finding.rule)),
          ),
          ...suppressed.map((own) => ({
            ...toResult(own.finding, report.path, artifact, undefined),
            suppressions: [{ kind: 'external', justification: `${own.reason} (until ${own.expires})` }],
          })),
        ]),
      },
    ],
  }
}

function toResult(finding: Finding, path: string, artifact: number, ruleIndex: number | undefined): object {
  const { member, offset } = finding.location
  const fingerprint = createHash('sha256')
    .update(`${finding.rule}\n${member ?? ''}\n${finding.message}`)
    .digest('hex')
  return {
    ruleId: finding.rule,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level: LEVEL[finding.severity],
    message: { text: member === undefined ? finding.message : `${member}: ${finding.message}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: toUri(path), index: artifact },
          // An offset counts from the start of the member it lies in; SARIF's regions count in the file.
          ...(offset === undefined || member !== undefined
            ? {}
            : { region: { byteOffset: offset, byteLength: 1 } }),
        },
        ...(member === undefined
          ? {}
          : { logicalLocations: [{ fullyQualifiedName: member, kind: 'member' }] }),
      },
    ],
    partialFingerprints: { 'sallyport/v1': fingerprint },
    properties: {
      severity: finding.severity,
      ...(offset === undefined ? {} : { offset }),
      ...(finding.evidence === undefined ? {} : { evidence: finding.evidence }),
    },
  }
}

function toUri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
