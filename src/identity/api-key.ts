import { randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { KeyId } from '../core/index.ts'

/**
 * `sp_<key id, 12><_><secret, 43><checksum, 6>`: 65 characters. The id finds the record, 256 random bits are the secret,
 * and the checksum lets a secret scanner tell a real key from a look-alike without asking anybody
 * (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
 */
const SHAPE = /^sp_([0-9a-z]{12})_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$/
const KEY_LENGTH = 65
const CHECKSUM_LENGTH = 6

// Crockford's base 32: no i, l, o, u to misread aloud.
const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const CHECKSUM_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A new key from the system's random source. */
export function generateKey(): { readonly key: string; readonly keyId: KeyId } {
  let keyId = ''
  for (let index = 0; index < 12; index++) keyId += ID_ALPHABET.charAt(randomInt(ID_ALPHABET.length))
  const secret = randomBytes(32).toString('base64url')
  return { key: withChecksum(`sp_${keyId}_${secret}`), keyId: keyId as KeyId }
}

/** The id in a key; undefined for whatever is not exactly a key. Takes constant space and linear time. */
export function parseKey(text: string): KeyId | undefined {
  if (text.length !== KEY_LENGTH) return undefined
  const keyId = SHAPE.exec(text)?.[1]
  if (keyId === undefined) return undefined
  return withChecksum(text.slice(0, -CHECKSUM_LENGTH)) === text ? (keyId as KeyId) : undefined
}

/** Appends CRC-32 in base 62. It guards against typing errors and against nobody: anyone can compute it. */
export function withChecksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let index = 0; index < CHECKSUM_LENGTH; index++) {
    text = CHECKSUM_ALPHABET.charAt(rest % 62) + text
    rest = Math.floor(rest / 62)
  }
  return body + text
}
