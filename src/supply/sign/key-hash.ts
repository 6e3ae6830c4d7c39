import type { KeyObject } from 'node:crypto'
import { SallyportError } from '../../core/index.ts'

/** The hash goes with the curve (get_ec_key_hash in sign_ec_key.py of the reference; the specification is silent). */
const HASH_OF_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

/** The hash with which an EC key signs; undefined for a key that OpenSSF Model Signing does not have. */
export function hashOfKey(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'ec') return undefined
  return HASH_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? '']
}

export function unsupportedKey(cause?: unknown): SallyportError {
  return new SallyportError('supply.key-unsupported', 'the key is not an EC key on P-256, P-384 or P-521', {
    kind: 'invalid',
    remedy: 'give a key in PEM; `openssl ecparam -name prime256v1 -genkey` makes one',
    ...(cause === undefined ? {} : { cause }),
  })
}
