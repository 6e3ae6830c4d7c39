import { z } from 'zod'
import type { Sha256 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'

/**
 * The layers of an OpenSSF Model Signing bundle (specification v1.0, https://github.com/ossf/model-signing-spec,
 * spec/v1.0.md and schemas/v1.0): Sigstore bundle, DSSE envelope, in-toto statement, predicate. Objects are strict where
 * those schemas forbid additional properties, and open where they allow them.
 */

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
export const PREDICATE_TYPE = 'https://model_signing/signature/v1.0'

const HASH_TYPES = ['sha256', 'blake2b', 'blake3'] as const
const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/)

const ResourceSchema = z.looseObject({ name: z.string().min(1), digest: hex, algorithm: z.string() })

const commonSerialization = {
  hash_type: z.enum(HASH_TYPES),
  allow_symlinks: z.boolean(),
  ignore_paths: z.array(z.string().min(1)).optional(),
}
const SerializationSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('files'), ...commonSerialization }),
  z.strictObject({ method: z.literal('shards'), shard_size: z.int().positive(), ...commonSerialization }),
])

export const StatementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.looseObject({ name: z.string().min(1), digest: z.record(z.string(), hex) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    resources: z.array(ResourceSchema).min(1),
    serialization: SerializationSchema,
  }),
})

export type Statement = z.infer<typeof StatementSchema>
export type Resource = Statement['predicate']['resources'][number]
export type Serialization = Statement['predicate']['serialization']

export const BundleSchema = z.strictObject({
  mediaType: z.string(),
  verificationMaterial: z.looseObject({
    publicKey: z
      .looseObject({
        hint: z.string().min(1).optional(),
        /** What producers before 1.1.0 wrote instead of the hint. */
        rawBytes: z.string().min(1).optional(),
      })
      .optional(),
    x509CertificateChain: z.unknown().optional(),
    certificate: z.unknown().optional(),
    tlogEntries: z.array(z.unknown()).optional(),
    timestampVerificationData: z.looseObject({}).optional(),
  }),
  dsseEnvelope: z.strictObject({
    payload: z.string().min(1),
    payloadType: z.string(),
    // The Sigstore bundle format allows exactly one signature in an envelope.
    signatures: z.tuple([
      z.strictObject({ sig: z.string().min(1), keyid: z.string().nullable().optional() }),
    ]),
  }),
})

export type Bundle = z.infer<typeof BundleSchema>

/** Section 6.5.1: SHA-256 over the raw digests in order, whatever algorithm they are of. Names are not in it. */
export function rootDigest(resources: readonly Resource[]): Sha256 {
  return sha256(Buffer.concat(resources.map((resource) => Buffer.from(resource.digest, 'hex'))))
}

/** What names a key in a bundle: SHA-256 of its SPKI PEM text, with the final newline (sign_ec_key.py). */
export function keyHint(publicKeyPem: string): Sha256 {
  return sha256(publicKeyPem)
}
