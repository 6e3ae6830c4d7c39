import { z } from 'zod'
import { SEVERITIES } from '../../core/index.ts'

/** The key of the local keystore, as a policy names it. */
export const LOCAL_KEY = 'local'

const publicKey = z
  .string()
  .max(2000)
  .regex(
    /^-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/,
    'must be a public key in PEM',
  )

/** What may be served. Every default is the strictest useful choice; a signature is always required. */
export const AdmissionPolicySchema = z.strictObject({
  trustedKeys: z
    .array(z.union([z.literal(LOCAL_KEY), publicKey]))
    .min(1)
    .default([LOCAL_KEY])
    .describe('Keys whose signatures count: `local` for the keystore, or P-256 public keys in PEM.'),
  allowedFormats: z
    .array(z.enum(['onnx']))
    .min(1)
    .default(['onnx'])
    .describe('Formats a model may have, by content.'),
  maxSeverity: z
    .enum(['none', ...SEVERITIES])
    .default('info')
    .describe('The gravest finding of the scanner that is still admitted.'),
  onInconclusive: z
    .enum(['deny', 'allow'])
    .default('deny')
    .describe('What becomes of a model that the scanner could not read whole.'),
  requireDataset: z
    .boolean()
    .default(true)
    .describe('Whether a model must say, by digests, what it was trained on.'),
})

export type AdmissionPolicy = z.infer<typeof AdmissionPolicySchema>
