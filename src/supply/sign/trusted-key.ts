import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Sha256 } from '../../core/index.ts'
import { hashOfKey, unsupportedKey } from './key-hash.ts'
import { keyHint } from './statement.ts'

/** A public key whose signatures count. */
export interface TrustedKey {
  readonly hint: Sha256
  readonly key: KeyObject
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
    throw unsupportedKey(cause)
  }
  if (hashOfKey(key) === undefined) throw unsupportedKey()
  // Exported anew: line ends and spaces of the given text are not part of the hint.
  return { hint: keyHint(key.export({ format: 'pem', type: 'spki' }).toString()), key }
}

/** Whether the DER signature is one of this key over the bytes. */
export function isSignatureOf({ key }: TrustedKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = hashOfKey(key)
  if (algorithm === undefined) return false
  return verify(algorithm, bytes, { key, dsaEncoding: 'der' }, signature)
}
