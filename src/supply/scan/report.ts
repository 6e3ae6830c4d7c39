import {
  type Finding,
  isAtLeast,
  type Location,
  type Reference,
  type Severity,
  type Sha256,
} from '../../core/index.ts'

/** `inconclusive` is what a scan says when something could not be read: never the same as clean. */
export type ScanVerdict = 'clean' | 'findings' | 'inconclusive'

/** What the scanner can find. Its id is stable, and docs/rules/ID.md explains it. */
export interface Rule {
  readonly id: string
  readonly severity: Severity
  /** What the rule is about, in a few words. */
  readonly title: string
  readonly references: readonly Reference[]
  /** True when a finding of it means that bytes were not understood, so that the file cannot be called clean. */
  readonly isUnread?: true
}

export interface FileReport {
  readonly path: string
  readonly sizeBytes: number
  /** Given when the bytes that were scanned were also hashed. */
  readonly sha256?: Sha256
  /** What the bytes are, whatever the name says: `onnx`, `pickle`, `yaml`, `unknown`, … */
  readonly format: string
  readonly verdict: ScanVerdict
  readonly findings: readonly Finding[]
}

export interface ScanReport {
  readonly verdict: ScanVerdict
  /** Of all files, and of the files together. */
  readonly findings: readonly Finding[]
  readonly files: readonly FileReport[]
  readonly scanner: { readonly name: string; readonly version: string }
}

/** A finding of a rule, with the rule's severity and references. */
export function findingOf(rule: Rule, message: string, location: Location, evidence?: string): Finding {
  return {
    rule: rule.id,
    severity: rule.severity,
    message,
    location,
    ...(evidence === undefined ? {} : { evidence: redact(evidence) }),
    references: rule.references,
  }
}

const EVIDENCE_CHARACTERS = 120

/** Evidence is printed in terminals and pages: no control characters, no length. */
function redact(evidence: string): string {
  const printable = evidence.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '\ufffd')
  return printable.length <= EVIDENCE_CHARACTERS ? printable : `${printable.slice(0, EVIDENCE_CHARACTERS)}…`
}

/**
 * The verdict over some findings. A real finding says more than an unread part does, so it wins from `medium` up; below
 * that the unread part does, because it may hide worse. An `info` finding is a note: nothing hangs on it.
 */
export function verdictOf(
  findings: readonly Finding[],
  isUnreadRule: (rule: string) => boolean,
): ScanVerdict {
  const real = findings.filter((finding) => !isUnreadRule(finding.rule) && finding.severity !== 'info')
  if (real.some((finding) => isAtLeast(finding.severity, 'medium'))) return 'findings'
  if (findings.some((finding) => isUnreadRule(finding.rule))) return 'inconclusive'
  return real.length > 0 ? 'findings' : 'clean'
}
