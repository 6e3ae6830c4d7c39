import { createHmac, type KeyObject } from 'node:crypto'

/**
 * What is stored of a key: HMAC-SHA256 of its whole text, 32 bytes. A stolen database alone tests no guess. The pepper is
 * a KeyObject: with a Buffer Node would set the key up anew at every call, ten times slower.
 */
export function keyDigest(pepper: KeyObject, key: string): Buffer {
  return createHmac('sha256', pepper).update(key).digest()
}
