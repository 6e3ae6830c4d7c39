import { describe, expect, test } from 'vitest'
import { type AdmissionFacts, AdmissionPolicySchema, admit } from './index.ts'

const strict = AdmissionPolicySchema.parse({})
const good: AdmissionFacts = {
  signature: { isVerified: true },
  format: 'onnx',
  scan: { verdict: 'clean', severities: [] },
  hasDataset: true,
}

const codes = (facts: Partial<AdmissionFacts>, policy = {}) => {
  const admission = admit({ ...good, ...facts }, AdmissionPolicySchema.parse(policy))
  return admission.admitted ? [] : admission.reasons.map((reason) => reason.code)
}

describe('the default policy', () => {
  test('admits a signed ONNX model with a clean scan and a dataset', () => {
    expect(admit(good, strict)).toEqual({ admitted: true })
  })

  test('trusts the key of the local keystore and nobody else', () => {
    expect(strict.trustedKeys).toEqual(['local'])
  })

  test('refuses a signature that does not hold', () => {
    expect(codes({ signature: { isVerified: false, code: 'supply.signature-invalid' } })).toEqual([
      'admission.signature-not-verified',
    ])
  })

  test('refuses another format, an unclear scan, any finding above info and a missing dataset', () => {
    expect(codes({ format: 'pickle' })).toEqual(['admission.format-not-allowed'])
    expect(codes({ scan: { verdict: 'inconclusive', severities: ['high'] } })).toEqual([
      'admission.scan-inconclusive',
    ])
    expect(codes({ scan: { verdict: 'findings', severities: ['info', 'low'] } })).toEqual([
      'admission.scan-findings',
    ])
    expect(codes({ scan: { verdict: 'findings', severities: ['info'] } })).toEqual([])
    expect(codes({ hasDataset: false })).toEqual(['admission.dataset-missing'])
  })

  test('gives every reason, not only the first, each with words for people', () => {
    const admission = admit(
      {
        signature: { isVerified: false, code: 'supply.signature-invalid' },
        format: 'unknown',
        scan: { verdict: 'findings', severities: ['critical', 'low'] },
        hasDataset: false,
      },
      strict,
    )
    expect(admission).toEqual({
      admitted: false,
      reasons: [
        {
          code: 'admission.signature-not-verified',
          message: expect.stringContaining('supply.signature-invalid'),
        },
        { code: 'admission.format-not-allowed', message: 'its format is unknown, allowed is onnx' },
        { code: 'admission.scan-findings', message: expect.stringContaining('severity critical') },
        { code: 'admission.dataset-missing', message: expect.any(String) },
      ],
    })
  })
})

describe('a policy', () => {
  test('may accept findings up to a severity, or none at all', () => {
    const scan = { verdict: 'findings', severities: ['medium'] } as const
    expect(codes({ scan }, { maxSeverity: 'medium' })).toEqual([])
    expect(codes({ scan }, { maxSeverity: 'low' })).toEqual(['admission.scan-findings'])
    const info = { verdict: 'findings', severities: ['info'] } as const
    expect(codes({ scan: info }, { maxSeverity: 'none' })).toEqual(['admission.scan-findings'])
  })

  test('may accept what could not be read whole, and models without a dataset', () => {
    expect(codes({ scan: { verdict: 'inconclusive', severities: [] } }, { onInconclusive: 'allow' })).toEqual(
      [],
    )
    expect(codes({ hasDataset: false }, { requireDataset: false })).toEqual([])
  })

  test('cannot do without a signature', () => {
    expect(AdmissionPolicySchema.safeParse({ requireSignature: false }).success).toBe(false)
    expect(AdmissionPolicySchema.safeParse({ trustedKeys: [] }).success).toBe(false)
    expect(AdmissionPolicySchema.safeParse({ trustedKeys: ['nonsense'] }).success).toBe(false)
  })
})
