import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TenantId } from '../core/index.ts'
import { generateKey, parseKey, withChecksum } from './api-key.ts'
import type { ApiKeyRecord } from './api-key-record.ts'
import { keyDigest } from './digest.ts'
import { KeySnapshot } from './key-snapshot.ts'
import { unauthenticated } from './unauthenticated.ts'

const NOW = Date.UTC(2026, 10, 21)
const pepper = createSecretKey(randomBytes(32))

function makeKey(change: Partial<ApiKeyRecord> = {}) {
  const { key, keyId } = generateKey()
  const record: ApiKeyRecord = {
    keyId,
    name: 'laptop',
    tenant: 'default' as TenantId,
    scopes: ['infer'],
    createdAt: NOW,
    expiresAt: null,
    revokedAt: null,
    ...change,
  }
  return { key, record, digest: keyDigest(pepper, key) }
}

const known = makeKey()
const snapshot = new KeySnapshot(pepper, [known])

/** The same key with another secret and a right checksum. */
function forge(key: string): string {
  const id = key.slice(0, 'sp_123456789012_'.length)
  return withChecksum(id + randomBytes(32).toString('base64url'))
}

describe('a key', () => {
  test('has 65 characters that need no quoting anywhere', () => {
    for (let round = 0; round < 200; round++) {
      const { key, keyId } = generateKey()
      expect(key).toMatch(/^sp_[0-9a-z]{12}_[\w-]{49}$/)
      expect(parseKey(key)).toBe(keyId)
    }
  })

  test('is no key any more when any one character is changed', () => {
    for (let index = 0; index < known.key.length; index++) {
      const changed = known.key.charAt(index) === 'x' ? 'y' : 'x'
      const text = known.key.slice(0, index) + changed + known.key.slice(index + 1)
      expect(parseKey(text)).toBeUndefined()
    }
  })

  test('is no key with anything before, after or in it', () => {
    for (const text of [
      ` ${known.key}`,
      `${known.key} `,
      `${known.key}\n`,
      known.key.slice(1),
      known.key.slice(0, -1),
    ]) {
      expect(parseKey(text)).toBeUndefined()
    }
  })
})

describe('authentication', () => {
  test.each(['', 'Bearer ', 'bearer ', 'BEARER   '])('takes the key after %j', (scheme) => {
    expect(snapshot.authenticate(scheme + known.key, NOW)).toEqual({
      kind: 'api-key',
      keyId: known.record.keyId,
      tenant: 'default',
      scopes: ['infer'],
    })
  })

  test.each([
    ['nothing', undefined, 'missing'],
    ['an empty header', '', 'missing'],
    ['a scheme without a key', 'Bearer ', 'malformed'],
    ['another scheme', `Basic ${known.key}`, 'malformed'],
    ['a list of keys', `${known.key},${known.key}`, 'malformed'],
    ['a key with a typing error', known.key.replace(/.$/, '!'), 'malformed'],
    ['a key of somebody else', makeKey().key, 'unknown'],
  ])('tells the operator about %s', (_name, credentials, reason) => {
    expect(snapshot.authenticate(credentials, NOW)).toEqual({ kind: 'unauthenticated', reason })
  })

  test('does not take a known id with another secret', () => {
    expect(snapshot.authenticate(forge(known.key), NOW)).toEqual({
      kind: 'unauthenticated',
      reason: 'wrong-secret',
      keyId: known.record.keyId,
    })
  })

  test('tells that a key is revoked or expired only to who holds its secret', () => {
    for (const [change, reason] of [
      [{ revokedAt: NOW - 1 }, 'revoked'],
      [{ expiresAt: NOW }, 'expired'],
    ] as const) {
      const key = makeKey(change)
      const keys = new KeySnapshot(pepper, [key])
      expect(keys.authenticate(key.key, NOW)).toMatchObject({ reason })
      expect(keys.authenticate(forge(key.key), NOW)).toMatchObject({ reason: 'wrong-secret' })
    }
  })

  test('fails under another pepper', () => {
    const elsewhere = new KeySnapshot(createSecretKey(randomBytes(32)), [known])
    expect(elsewhere.authenticate(known.key, NOW)).toMatchObject({ reason: 'wrong-secret' })
  })

  test('never throws and never succeeds, whatever is sent', () => {
    const near = fc
      .tuple(fc.nat(64), fc.string({ maxLength: 3 }))
      .map(([index, text]) => known.key.slice(0, index) + text + known.key.slice(index + 1))
      .filter((text) => text !== known.key)
    const isRefused = (text: string) => snapshot.authenticate(text, NOW).kind === 'unauthenticated'
    fc.assert(
      fc.property(
        fc.oneof(near, fc.string({ unit: 'binary', maxLength: 80 })),
        (text) => isRefused(text) && isRefused(`Bearer ${text}`),
      ),
      { numRuns: 300 },
    )
  })

  test('takes time linear in what is sent', () => {
    const started = performance.now()
    snapshot.authenticate(`bearer${' '.repeat(1_000_000)}`, NOW)
    snapshot.authenticate(`sp_${'a'.repeat(1_000_000)}`, NOW)
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('gives an identity that nobody can change', () => {
    const identity = snapshot.authenticate(known.key, NOW)
    expect(Object.isFrozen(identity)).toBe(true)
    expect('scopes' in identity && Object.isFrozen(identity.scopes)).toBe(true)
  })

  test('is not changed by who made the snapshot', () => {
    const key = makeKey()
    const keys = new KeySnapshot(pepper, [key])
    key.digest.fill(0)
    expect(keys.authenticate(key.key, NOW)).toMatchObject({ kind: 'api-key' })
  })

  test('costs little more than the one HMAC it needs, however many keys there are', () => {
    const keys = new KeySnapshot(pepper, [known, ...Array.from({ length: 1000 }, () => makeKey())])
    const credentials = `Bearer ${known.key}`
    const fastest = (work: () => void) => {
      const rounds = Array.from({ length: 30 }, () => {
        const started = performance.now()
        for (let call = 0; call < 300; call++) work()
        return performance.now() - started
      })
      return Math.min(...rounds)
    }
    const floor = fastest(() => keyDigest(pepper, known.key))
    expect(fastest(() => keys.authenticate(credentials, NOW)) / floor).toBeLessThan(4)
  })
})

test('a caller is told the same whatever was wrong', () => {
  expect(unauthenticated()).toMatchObject({
    code: 'identity.unauthenticated',
    kind: 'unauthenticated',
    details: {},
  })
})
