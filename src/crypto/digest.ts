import { hash } from 'node:crypto'
import type { Sha256 } from '../core/index.ts'

/** SHA-256 of `bytes` in lower-case hex. Text is hashed as UTF-8. */
export function sha256(bytes: Uint8Array | string): Sha256 {
  return hash('sha256', bytes, 'hex') as Sha256
}

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256Raw(bytes: Uint8Array | string): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
}
