import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { SallyportError } from '../core/index.ts'

/** ECDSA over P-256 with SHA-256; the signature is ASN.1 DER, as sigstore bundles and OMS carry it. */
export function signP256(privateKey: KeyObject, bytes: Uint8Array): Buffer {
  assertP256(privateKey)
  return sign('sha256', bytes, { key: privateKey, dsaEncoding: 'der' })
}

/** Whether `signature` (DER) is one over `bytes`. A malformed signature is simply not valid. */
export function verifyP256(publicKey: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  assertP256(publicKey)
  return verify('sha256', bytes, { key: publicKey, dsaEncoding: 'der' }, signature)
}

/**
 * A P-256 public key from its SPKI PEM text.
 *
 * @throws {SallyportError} `crypto.key-invalid` when it is not one.
 */
export function parseP256PublicKey(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPublicKey({ key: pem, format: 'pem', type: 'spki' })
  } catch (cause) {
    throw notP256(cause)
  }
  assertP256(key)
  return key
}

function assertP256(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw notP256()
}

function notP256(cause?: unknown): SallyportError {
  return new SallyportError('crypto.key-invalid', 'the key is not an ECDSA key on the curve P-256', {
    kind: 'invalid',
    remedy: 'give a P-256 (prime256v1) key in PEM; `openssl ecparam -name prime256v1 -genkey` makes one',
    cause,
  })
}
