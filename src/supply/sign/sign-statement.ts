import { createPublicKey, type KeyObject } from 'node:crypto'
import { preAuthenticationEncoding, signP256 } from '../../crypto/index.ts'
import { comparePaths } from '../intake/index.ts'
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

/** Signs a list of resources; gives the bundle's bytes: JSON in UTF-8. */
export function signStatement(
  modelName: string,
  resources: readonly Resource[],
  serialization: Serialization,
  privateKey: KeyObject,
): Buffer {
  const sorted = resources.toSorted((left, right) => comparePaths(left.name, right.name))
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: modelName, digest: { sha256: rootDigest(sorted) } }],
    predicateType: PREDICATE_TYPE,
    predicate: { resources: sorted, serialization },
  }
  const payload = Buffer.from(JSON.stringify(statement))
  const publicKeyPem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString()
  const bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyHint(publicKeyPem) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [
        {
          sig: signP256(privateKey, preAuthenticationEncoding(PAYLOAD_TYPE, payload)).toString('base64'),
          keyid: '',
        },
      ],
    },
  }
  return Buffer.from(JSON.stringify(bundle))
}
