import type { Sha256 } from './ids.ts'

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

/** Where a finding was made. Exactly what applies is filled in. */
export interface Location {
  /** A file, relative to what was examined, with `/` between segments. */
  readonly path?: string
  /** A member inside the file, outermost container first. */
  readonly member?: string
  /** Bytes from the start of the file or member. */
  readonly offset?: number
  /** JSON pointer (RFC 6901) into a request or an answer. */
  readonly pointer?: string
  readonly sha256?: Sha256
}

export interface Reference {
  readonly scheme: 'CWE' | 'OWASP-LLM' | 'MITRE-ATLAS' | 'CVE' | 'GHSA' | 'NIST-AI-RMF'
  readonly id: string
}

/** Something a check noticed: the one currency of scanner, guard, redactor, detector and red team. */
export interface Finding {
  /** Stable rule id such as `pickle.unsafe-global`; each has a page under docs/rules/. */
  readonly rule: string
  readonly severity: Severity
  readonly message: string
  readonly location: Location
  /** Redacted: enough to recognise the place, never a secret. */
  readonly evidence?: string
  readonly references?: readonly Reference[]
}

export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(threshold)
}
