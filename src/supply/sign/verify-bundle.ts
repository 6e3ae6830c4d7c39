import type { Manifest, Sha256 } from '../../core/index.ts'
import { UNSIGNED_NAMES } from '../intake/index.ts'
import { openBundle } from './open-bundle.ts'
import { signatureError } from './signature-error.ts'
import type { TrustedKey } from './trusted-key.ts'

export interface VerifiedSignature {
  /** SHA-256 of the signing key's PEM text. */
  readonly keyHint: Sha256
  /** As the signer named the model; informational. */
  readonly subject: string
}

/**
 * Verifies that a trusted key signed exactly the files of a manifest: no fewer, no more, none other. Shares nothing with
 * the signing but the format.
 * @throws SallyportError `supply.signature-…` (refused), see `SignatureProblem`.
 */
export function verifyBundle(
  bundle: Uint8Array,
  manifest: Manifest,
  trustedKeys: readonly TrustedKey[],
): VerifiedSignature {
  const { keyHint, statement } = openBundle(bundle, trustedKeys)
  const { resources, serialization } = statement.predicate
  if (serialization.method !== 'files' || serialization.hash_type !== 'sha256') {
    throw signatureError('algorithm-unsupported', 'an artifact is signed file by file with SHA-256')
  }
  const ignored = serialization.ignore_paths ?? []
  if (serialization.allow_symlinks || ignored.some((path) => !UNSIGNED_NAMES.includes(path))) {
    throw signatureError(
      'mismatch',
      'the signature leaves files out or follows links; that of an artifact may not',
    )
  }
  const signed = new Map(resources.map((resource) => [resource.name, resource.digest]))
  const altered = manifest.files.filter((file) => signed.get(file.path) !== file.sha256)
  if (altered.length > 0 || signed.size !== manifest.files.length) {
    throw signatureError('mismatch', 'the signature is for other files than those of the artifact', {
      details: { signedFiles: signed.size, files: manifest.files.length, differing: altered.length },
    })
  }
  return { keyHint, subject: statement.subject[0].name }
}
