import { type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Identity, KeyId } from '../core/index.ts'
import { parseKey } from './api-key.ts'
import type { ApiKeyRecord } from './api-key-record.ts'
import { keyDigest } from './digest.ts'

/** Why authentication failed. For the operator only; the caller is told `unauthenticated()` and nothing else. */
export type FailureReason = 'missing' | 'malformed' | 'unknown' | 'wrong-secret' | 'expired' | 'revoked'

export interface AuthenticationFailure {
  readonly kind: 'unauthenticated'
  readonly reason: FailureReason
  /** The key that was presented; only where it is one of ours. */
  readonly keyId?: KeyId
}

/** A key as the snapshot needs it. */
export interface SnapshotKey {
  readonly record: ApiKeyRecord
  /** 32 bytes. */
  readonly digest: Uint8Array
}

interface Entry {
  readonly digest: Uint8Array
  readonly identity: Identity
  readonly expiresAt: number
  readonly isRevoked: boolean
}

const BEARER = /^bearer +/i
const MISSING: AuthenticationFailure = Object.freeze({ kind: 'unauthenticated', reason: 'missing' })
const MALFORMED: AuthenticationFailure = Object.freeze({ kind: 'unauthenticated', reason: 'malformed' })
const UNKNOWN: AuthenticationFailure = Object.freeze({ kind: 'unauthenticated', reason: 'unknown' })

/** Compared with when there is no such key, so that an unknown id takes as long as a wrong secret. */
const NO_DIGEST = new Uint8Array(32)

/** All keys as they were at one moment: immutable, in memory, no I/O. Swapped for a new one on every change. */
export class KeySnapshot {
  readonly #pepper: KeyObject
  readonly #entries: ReadonlyMap<KeyId, Entry>

  constructor(pepper: KeyObject, keys: Iterable<SnapshotKey>) {
    this.#pepper = pepper
    this.#entries = new Map(Array.from(keys, (key) => [key.record.keyId, toEntry(key)]))
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Says who presents a key, in a time that tells nothing of any secret or of whether the key exists.
   * @param credentials an `Authorization` header (`Bearer sp_…`) or the bare key.
   * @param nowMs milliseconds since the Unix epoch.
   */
  authenticate(credentials: string | undefined, nowMs: number): Identity | AuthenticationFailure {
    if (credentials === undefined || credentials === '') return MISSING
    const key = credentials.replace(BEARER, '')
    const keyId = parseKey(key)
    if (keyId === undefined) return MALFORMED
    const entry = this.#entries.get(keyId)
    const isEqual = timingSafeEqual(keyDigest(this.#pepper, key), entry?.digest ?? NO_DIGEST)
    if (entry === undefined) return UNKNOWN
    // The state of a key is told only to who holds it.
    if (!isEqual) return { kind: 'unauthenticated', reason: 'wrong-secret', keyId }
    if (entry.isRevoked) return { kind: 'unauthenticated', reason: 'revoked', keyId }
    if (entry.expiresAt <= nowMs) return { kind: 'unauthenticated', reason: 'expired', keyId }
    return entry.identity
  }
}

function toEntry({ record, digest }: SnapshotKey): Entry {
  const { keyId, tenant, scopes, expiresAt, revokedAt } = record
  return {
    digest: Uint8Array.from(digest),
    identity: Object.freeze({ kind: 'api-key', keyId, tenant, scopes: Object.freeze([...scopes]) }),
    expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
    isRevoked: revokedAt !== null,
  }
}
