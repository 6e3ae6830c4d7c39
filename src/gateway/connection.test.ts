import { describe, expect, test } from 'vitest'
import type { Identity, KeyId, TenantId } from '../core/index.ts'
import { Connection } from './connection.ts'
import type { Authenticator } from './snapshot.ts'

const ALICE: Identity = {
  kind: 'api-key',
  keyId: 'alice' as KeyId,
  tenant: 'default' as TenantId,
  scopes: ['infer'],
}

/** Knows one credential until a time, and counts how often it had to prove one. */
class Keys implements Authenticator {
  proofs = 0
  readonly #expiresAt: number

  constructor(expiresAt = Number.POSITIVE_INFINITY) {
    this.#expiresAt = expiresAt
  }

  authenticate(credential: string | undefined, nowMs: number) {
    this.proofs++
    if (credential !== 'Bearer alice') return { kind: 'unauthenticated', reason: 'unknown' } as const
    if (nowMs >= this.#expiresAt) return { kind: 'unauthenticated', reason: 'expired' } as const
    return ALICE
  }
}

describe('a connection', () => {
  test('has a credential proven once for the requests of a second', () => {
    const connection = new Connection()
    const keys = new Keys()
    for (let now = 0; now < 1000; now += 10) {
      expect(connection.authenticate(keys, 'Bearer alice', now)).toBe(ALICE)
    }
    expect(keys.proofs).toBe(1)
    connection.authenticate(keys, 'Bearer alice', 1000)
    expect(keys.proofs).toBe(2)
  })

  test('lets in no other credential after a good one, however alike', () => {
    const connection = new Connection()
    const keys = new Keys()
    connection.authenticate(keys, 'Bearer alice', 0)
    for (const other of ['Bearer alicf', 'Bearer alice ', 'Bearer alic', 'bearer alice', '', undefined]) {
      expect(connection.authenticate(keys, other, 1)).toMatchObject({ kind: 'unauthenticated' })
    }
  })

  test('asks other keys at once, so that a revocation counts from the swap on', () => {
    const connection = new Connection()
    connection.authenticate(new Keys(), 'Bearer alice', 0)
    const withoutAlice: Authenticator = {
      authenticate: () => ({ kind: 'unauthenticated', reason: 'revoked' }),
    }
    expect(connection.authenticate(withoutAlice, 'Bearer alice', 1)).toMatchObject({ reason: 'revoked' })
  })

  test('lets a key outlive its expiry by less than a second', () => {
    const connection = new Connection()
    const keys = new Keys(500)
    expect(connection.authenticate(keys, 'Bearer alice', 499)).toBe(ALICE)
    expect(connection.authenticate(keys, 'Bearer alice', 1499)).toMatchObject({ reason: 'expired' })
  })

  test('proves again when the clock was set back', () => {
    const connection = new Connection()
    const keys = new Keys()
    connection.authenticate(keys, 'Bearer alice', 1_000_000)
    connection.authenticate(keys, 'Bearer alice', 0)
    expect(keys.proofs).toBe(2)
  })

  test('aborts what it waits for when it closes', () => {
    const connection = new Connection()
    expect(connection.closed.aborted).toBe(false)
    connection.close()
    expect(connection.closed.aborted).toBe(true)
  })
})
