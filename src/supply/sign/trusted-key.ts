import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { SallyportError, type Sha256 } from '../../core/index.ts'
import { keyHint } from './statement.ts'

/** A public key whose signatures count. */
export interface TrustedKey {
  readonly hint: Sha256
  readonly key: KeyObject
}

/** The hash goes with the curve (get_ec_key_hash in sign_ec_key.py of the reference; the specification is silent). */
const HASH_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

/**
 * A trusted key from its PEM text (SPKI; P-256, P-384 or P-521).
 * @throws SallyportError `supply.key-unsupported` (invalid).
 */
export function trustKey(publicKeyPem: string): TrustedKey {
  let key: KeyObject
  try {
    key = createPublicKey({ key: publicKeyPem, format: 'pem', type: 'spki' })
  } catch (cause) {
    throw unsupported(cause)
  }
  if (HASH_OF_CURVE[curveOf(key)] === undefined) throw unsupported()
  // Exported anew: line ends and spaces of the given text are not part of the hint.
  return { hint: keyHint(key.export({ format: 'pem', type: 'spki' }).toString()), key }
}

/** Whether the DER signature is one of this key over the bytes. */
export function isSignatureOf({ key }: TrustedKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = HASH_OF_CURVE[curveOf(key)]
  if (algorithm === undefined) return false
  return verify(algorithm, bytes, { key, dsaEncoding: 'der' }, signature)
}

function curveOf(key: KeyObject): string {
  return key.asymmetricKeyType === 'ec' ? (key.asymmetricKeyDetails?.namedCurve ?? '') : ''
}

function unsupported(cause?: unknown): SallyportError {
  return new SallyportError(
    'supply.key-unsupported',
    'the key is not an EC public key on P-256, P-384 or P-521',
    {
      kind: 'invalid',
      remedy: 'give a public key in PEM that begins with -----BEGIN PUBLIC KEY-----',
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
