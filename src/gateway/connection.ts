import { timingSafeEqual } from 'node:crypto'
import type { Identity } from '../core/index.ts'
import type { AuthenticationFailure } from '../identity/index.ts'
import type { Call } from './call.ts'
import type { Authenticator } from './snapshot.ts'

/** How long a proven credential counts as proven on its connection: by so much may a key outlive its expiry. */
const PROVEN_MS = 1_000

/** What is known of a client's connection, over all of its requests. */
export class Connection {
  /** Its requests to models that are not settled. */
  readonly calls = new Set<Call>()
  readonly #closing = new AbortController()
  #keys: Authenticator | undefined
  #credential = Buffer.alloc(0)
  #identity: Identity | undefined
  #provenAt = 0

  /** Aborted when the connection has closed. One for all requests: to make one for each costs more than to route it. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  close(): void {
    this.#closing.abort()
  }

  /**
   * Who holds the credential. A client sends the same one with every request, and to prove it takes a keyed hash: so
   * what was proven on this connection a moment ago, against the same keys, is only compared, in constant time.
   */
  authenticate(
    keys: Authenticator,
    credential: string | undefined,
    nowMs: number,
  ): Identity | AuthenticationFailure {
    if (credential !== undefined && this.#identity !== undefined && keys === this.#keys) {
      const age = nowMs - this.#provenAt
      if (age >= 0 && age < PROVEN_MS && isEqual(credential, this.#credential)) return this.#identity
    }
    const outcome = keys.authenticate(credential, nowMs)
    if (credential !== undefined && outcome.kind === 'api-key') {
      this.#keys = keys
      this.#credential = Buffer.from(credential)
      this.#identity = outcome
      this.#provenAt = nowMs
    }
    return outcome
  }
}

function isEqual(credential: string, proven: Buffer): boolean {
  const bytes = Buffer.from(credential)
  return bytes.length === proven.length && timingSafeEqual(bytes, proven)
}
