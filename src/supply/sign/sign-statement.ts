import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { preAuthenticationEncoding } from '../../crypto/index.ts'
import { comparePaths } from '../intake/index.ts'
import { hashOfKey, unsupportedKey } from './key-hash.ts'
import {
  BUNDLE_MEDIA_TYPE,
  keyHint,
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  type Resource,
  rootDigest,
  type Serialization,
  STATEMENT_TYPE,
  type Statement,
} from './statement.ts'

/**
 * Signs a list of resources; gives the bundle's bytes: JSON in UTF-8.
 * @throws SallyportError `supply.key-unsupported` (invalid).
 */
export function signStatement(
  modelName: string,
  resources: readonly Resource[],
  serialization: Serialization,
  privateKey: KeyObject,
): Buffer {
  const algorithm = hashOfKey(privateKey)
  if (algorithm === undefined) throw unsupportedKey()
  const sorted = resources.toSorted((left, right) => comparePaths(left.name, right.name))
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: modelName, digest: { sha256: rootDigest(sorted) } }],
    predicateType: PREDICATE_TYPE,
    predicate: { resources: sorted, serialization },
  }
  const payload = Buffer.from(JSON.stringify(statement))
  const publicKeyPem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString()
  const signed = preAuthenticationEncoding(PAYLOAD_TYPE, payload)
  const signature = sign(algorithm, signed, { key: privateKey, dsaEncoding: 'der' })
  const bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyHint(publicKeyPem) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [
        {
          sig: signature.toString('base64'),
          keyid: '',
        },
      ],
    },
  }
  return Buffer.from(JSON.stringify(bundle))
}
