import { SEVERITIES, type Severity } from '../../core/index.ts'
import type { AdmissionPolicy } from './admission-policy.ts'

/** What is known of an artifact when it is decided about. */
export interface AdmissionFacts {
  /** What checking its signature with the policy's keys gave. */
  readonly signature: { readonly isVerified: true } | { readonly isVerified: false; readonly code: string }
  /** The model file's format, by content. */
  readonly format: string
  readonly scan: {
    readonly verdict: 'clean' | 'findings' | 'inconclusive'
    readonly severities: readonly Severity[]
  }
  readonly hasDataset: boolean
}

export interface AdmissionReason {
  /** Stable, such as `admission.scan-inconclusive`. */
  readonly code: string
  readonly message: string
}

export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly reasons: readonly AdmissionReason[] }

/** Decides whether an artifact may be served. Pure; gives every reason against it, not only the first. */
export function admit(facts: AdmissionFacts, policy: AdmissionPolicy): Admission {
  const reasons = [
    ...signatureReasons(facts),
    ...formatReasons(facts, policy),
    ...scanReasons(facts, policy),
    ...datasetReasons(facts, policy),
  ]
  return reasons.length === 0 ? { admitted: true } : { admitted: false, reasons }
}

function signatureReasons({ signature }: AdmissionFacts): AdmissionReason[] {
  if (signature.isVerified) return []
  return [
    { code: 'admission.signature-not-verified', message: `its signature does not hold (${signature.code})` },
  ]
}

function formatReasons({ format }: AdmissionFacts, { allowedFormats }: AdmissionPolicy): AdmissionReason[] {
  if (allowedFormats.some((allowed) => allowed === format)) return []
  const message = `its format is ${format}, allowed is ${allowedFormats.join(', ')}`
  return [{ code: 'admission.format-not-allowed', message }]
}

function scanReasons({ scan }: AdmissionFacts, policy: AdmissionPolicy): AdmissionReason[] {
  const reasons: AdmissionReason[] = []
  if (scan.verdict === 'inconclusive' && policy.onInconclusive === 'deny') {
    const message = 'the scanner could not read all of it'
    reasons.push({ code: 'admission.scan-inconclusive', message })
  }
  // The findings that an inconclusive scan consists of are what `onInconclusive` decides about.
  if (scan.verdict !== 'findings') return reasons
  const gravest = Math.max(-1, ...scan.severities.map((severity) => SEVERITIES.indexOf(severity)))
  const limit = policy.maxSeverity === 'none' ? -1 : SEVERITIES.indexOf(policy.maxSeverity)
  if (gravest > limit) {
    const message = `the scanner found something of severity ${SEVERITIES[gravest]}, allowed is ${policy.maxSeverity}`
    reasons.push({ code: 'admission.scan-findings', message })
  }
  return reasons
}

function datasetReasons(
  { hasDataset }: AdmissionFacts,
  { requireDataset }: AdmissionPolicy,
): AdmissionReason[] {
  if (hasDataset || !requireDataset) return []
  return [{ code: 'admission.dataset-missing', message: 'it does not say what it was trained on' }]
}
