import { SallyportError } from '../../core/index.ts'

/** Why a signature does not count; each is the end of a stable code `supply.signature-…`. */
export type SignatureProblem =
  | 'malformed' // not a bundle
  | 'media-type' // a bundle of another version
  | 'method-unsupported' // signed with a certificate or without a key of its own
  | 'key-untrusted' // by a key that nobody here trusts
  | 'payload-type' // of something that is no in-toto statement
  | 'invalid' // the signature is not one over this payload
  | 'statement-invalid' // a statement that is no model signature
  | 'statement-inconsistent' // it contradicts itself
  | 'algorithm-unsupported'
  | 'mismatch' // it is for other files

export function signatureError(
  problem: SignatureProblem,
  message: string,
  options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
): SallyportError {
  return new SallyportError(`supply.signature-${problem}`, message, {
    kind: 'refused',
    remedy: REMEDIES[problem],
    ...options,
  })
}

const MEND = 'sign the model again with a current implementation of OpenSSF Model Signing v1.0'

const REMEDIES: Readonly<Record<SignatureProblem, string>> = {
  malformed: MEND,
  'media-type': MEND,
  'method-unsupported':
    'sign the model with an EC key, or verify it with a tool for the method it was signed with',
  'key-untrusted': 'trust the key in the admission policy, if its owner may publish models here',
  'payload-type': MEND,
  invalid: 'get the model and its signature again from where they were published; one of them was altered',
  'statement-invalid': MEND,
  'statement-inconsistent': MEND,
  'algorithm-unsupported': 'sign the model again with SHA-256',
  mismatch: 'get the model again from where it was published; it is not what was signed',
}
