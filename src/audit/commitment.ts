import { createHash, hash, randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Sha256 } from '../core/index.ts'

/** Separates these hashes from all others; the salt that follows has a fixed length, so the value is unambiguous. */
const DOMAIN = Buffer.from('sallyport.audit/commitment/v1\n', 'ascii')
export const SALT_BYTES = 16

const SALT_AT = DOMAIN.length
const VALUE_AT = SALT_AT + SALT_BYTES
// Values up to this size are hashed from one buffer in one call; an incremental hash costs five times a short one.
const scratch = Buffer.alloc(VALUE_AT + 64 * 1024)
DOMAIN.copy(scratch)

/** SHA-256(domain || salt || value); text is its UTF-8 bytes. `salt` has SALT_BYTES bytes from `saltAt` on. */
export function commitTo(value: string | Uint8Array, salt: Buffer, saltAt: number): Sha256 {
  salt.copy(scratch, SALT_AT, saltAt, saltAt + SALT_BYTES)
  if (typeof value === 'string') {
    // A UTF-16 unit becomes at most three bytes of UTF-8.
    if (value.length * 3 <= scratch.length - VALUE_AT) {
      const end = VALUE_AT + scratch.write(value, VALUE_AT, 'utf8')
      return hash('sha256', scratch.subarray(0, end), 'hex') as Sha256
    }
  } else if (value.length <= scratch.length - VALUE_AT) {
    scratch.set(value, VALUE_AT)
    return hash('sha256', scratch.subarray(0, VALUE_AT + value.length), 'hex') as Sha256
  }
  return createHash('sha256').update(scratch.subarray(0, VALUE_AT)).update(value).digest('hex') as Sha256
}

/**
 * Whether `value` is what the log committed to, given the salt that the side store kept for it.
 *
 * @param saltHex 32 hex digits
 */
export function opensCommitment(commitment: Sha256, saltHex: string, value: string | Uint8Array): boolean {
  const salt = Buffer.from(saltHex, 'hex')
  if (salt.length !== SALT_BYTES) return false
  return timingSafeEqual(Buffer.from(commitTo(value, salt, 0), 'hex'), Buffer.from(commitment, 'hex'))
}

// One system call for many salts.
const pool = Buffer.alloc(4096 * SALT_BYTES)
let used = pool.length

/** Copies a fresh random salt to `target`. */
export function writeSalt(target: Buffer, offset: number): void {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  pool.copy(target, offset, used, used + SALT_BYTES)
  used += SALT_BYTES
}
