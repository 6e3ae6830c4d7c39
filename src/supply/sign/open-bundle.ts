import type { Sha256 } from '../../core/index.ts'
import { preAuthenticationEncoding } from '../../crypto/index.ts'
import { comparePaths } from '../intake/index.ts'
import { signatureError } from './signature-error.ts'
import {
  BUNDLE_MEDIA_TYPE,
  type Bundle,
  BundleSchema,
  keyHint,
  PAYLOAD_TYPE,
  type Resource,
  rootDigest,
  type Serialization,
  type Statement,
  StatementSchema,
} from './statement.ts'
import { isSignatureOf, type TrustedKey } from './trusted-key.ts'

/** Longest bundle that is read. */
export const MAX_BUNDLE_BYTES = 64 * 1024 * 1024

export interface OpenedBundle {
  /** The key that signed. */
  readonly keyHint: Sha256
  readonly statement: Statement
}

/**
 * Opens a bundle of method `key`: what it gives was signed by one of the trusted keys. Nothing of the payload is read
 * before its signature was verified. Whether the files are those that were signed is the caller's next question.
 * @throws SallyportError `supply.signature-…` (refused), see `SignatureProblem`.
 */
export function openBundle(bundle: Uint8Array, trustedKeys: readonly TrustedKey[]): OpenedBundle {
  const parsed = parseBundle(bundle)
  if (parsed.mediaType !== BUNDLE_MEDIA_TYPE) {
    throw signatureError('media-type', `the signature is not a Sigstore bundle of version 0.3`)
  }
  const candidates = candidateKeys(parsed.verificationMaterial, trustedKeys)
  const { payloadType, payload, signatures } = parsed.dsseEnvelope
  if (payloadType !== PAYLOAD_TYPE) {
    throw signatureError('payload-type', 'the signature is not over an in-toto statement')
  }
  const payloadBytes = decodeBase64(payload)
  const signed = preAuthenticationEncoding(payloadType, payloadBytes)
  const signature = decodeBase64(signatures[0].sig)
  const key = candidates.find((candidate) => isSignatureOf(candidate, signed, signature))
  if (key === undefined) throw signatureError('invalid', 'the signature is not valid for what it signs')
  return { keyHint: key.hint, statement: parseStatement(payloadBytes) }
}

function parseBundle(bytes: Uint8Array): Bundle {
  if (bytes.byteLength > MAX_BUNDLE_BYTES) {
    throw signatureError('malformed', `the signature is larger than ${MAX_BUNDLE_BYTES} bytes`)
  }
  const parsed = BundleSchema.safeParse(parseJson(bytes, 'malformed'))
  if (parsed.success) return parsed.data
  throw signatureError('malformed', 'the signature is not a Sigstore bundle with one DSSE envelope', {
    details: { problems: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`) },
  })
}

/** The trusted keys that may have signed: the one the hint names; all, for a bundle from before hints. */
function candidateKeys(
  { publicKey, x509CertificateChain, certificate }: Bundle['verificationMaterial'],
  trustedKeys: readonly TrustedKey[],
): readonly TrustedKey[] {
  if (publicKey === undefined || x509CertificateChain !== undefined || certificate !== undefined) {
    throw signatureError('method-unsupported', 'the model is not signed with a public key')
  }
  const hint = publicKey.hint ?? hintOfRawBytes(publicKey.rawBytes)
  const candidates = trustedKeys.filter((trusted) => trusted.hint === hint)
  if (candidates.length > 0) return candidates
  throw signatureError('key-untrusted', 'the model is signed with a key that is not trusted here', {
    details: { trusted: trustedKeys.map((trusted) => trusted.hint) },
  })
}

/** Before 1.1.0 the key itself stood in the bundle: the PEM text in base64. It is only a name for the key here too. */
function hintOfRawBytes(rawBytes: string | undefined): Sha256 {
  if (rawBytes === undefined) throw signatureError('malformed', 'the signature does not say whose it is')
  return keyHint(decodeBase64(rawBytes).toString('utf8'))
}

function parseStatement(payload: Uint8Array): Statement {
  const parsed = StatementSchema.safeParse(parseJson(payload, 'statement-invalid'))
  if (!parsed.success) {
    throw signatureError(
      'statement-invalid',
      'what is signed is not a statement of OpenSSF Model Signing v1.0',
      {
        details: { problems: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`) },
      },
    )
  }
  const statement = parsed.data
  const { resources, serialization } = statement.predicate
  const algorithms = algorithmNames(serialization)
  if (resources.some((resource) => !algorithms.includes(resource.algorithm))) {
    throw signatureError(
      'statement-inconsistent',
      'the digests are not of the algorithm that the statement names',
    )
  }
  if (!isOrdered(resources, serialization)) {
    throw signatureError(
      'statement-inconsistent',
      'the files of the statement are not in order, or not unique',
    )
  }
  if (statement.subject[0].digest['sha256'] !== rootDigest(resources)) {
    throw signatureError(
      'statement-inconsistent',
      'the root digest is not that of the files in the statement',
    )
  }
  return statement
}

/** Section 6.3.2 wants the algorithm's own name in each shard; model-signing 1.1.1 writes `sha256-sharded-SIZE`. */
function algorithmNames(serialization: Serialization): readonly string[] {
  const { hash_type: algorithm } = serialization
  if (serialization.method === 'files') return [algorithm]
  return [algorithm, `${algorithm}-sharded-${serialization.shard_size}`]
}

/**
 * Section 5.2.1. Shards need only be unique: model-signing 1.1.1 sorts them by path and offset, the specification by
 * their names as text, where `w:12:16` stands before `w:4:8`.
 */
function isOrdered(resources: readonly Resource[], { method }: Serialization): boolean {
  const names = resources.map((resource) => resource.name)
  if (new Set(names).size !== names.length) return false
  return method === 'shards' || names.every((name, at) => comparePaths(names[at - 1] ?? '', name) <= 0)
}

function parseJson(bytes: Uint8Array, problem: 'malformed' | 'statement-invalid'): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw signatureError(problem, 'the signature holds something that is not JSON in UTF-8', { cause })
  }
}

/** RFC 4648, the standard or the URL-safe alphabet (DSSE allows both), whole and canonical. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  const canonical = bytes.toString('base64')
  const given = text.replaceAll('-', '+').replaceAll('_', '/')
  if (given === canonical || given === canonical.replace(/=+$/, '')) return bytes
  throw signatureError('malformed', 'the signature holds something that is not base64')
}
