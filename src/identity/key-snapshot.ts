import type { Identity, KeyId } from '../core/index.ts'

/** Why authentication failed. For the operator only; the caller is told `unauthenticated()` and nothing else. */
export type FailureReason = 'missing' | 'malformed' | 'unknown' | 'wrong-secret' | 'expired' | 'revoked'

export interface AuthenticationFailure {
  readonly kind: 'unauthenticated'
  readonly reason: FailureReason
  /** The key that was presented; only where it is one of ours. */
  readonly keyId?: KeyId
}

/** All keys as they were at one moment: immutable, in memory, no I/O. Swapped for a new one on every change. */
export class KeySnapshot {
  /**
   * Says who presents a key, in constant time with regard to every secret.
   * @param credentials an `Authorization` header (`Bearer sp_…`) or the bare key.
   * @param nowMs milliseconds since the Unix epoch.
   */
  authenticate(_credentials: string | undefined, _nowMs: number): Identity | AuthenticationFailure {
    return { kind: 'unauthenticated', reason: 'missing' }
  }
}
