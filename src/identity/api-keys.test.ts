import { createHash, createHmac, createSecretKey } from 'node:crypto'
import { describe, expect, type TestContext, test } from 'vitest'
import { DATABASES, type TestDatabase } from '../../test/support/databases.ts'
import type { EventInput, Receipt, RecordEvent } from '../audit/index.ts'
import { type EventId, SallyportError, type Sha256 } from '../core/index.ts'
import type { Database } from '../storage/index.ts'
import { ApiKeys } from './api-keys.ts'
import { type IdentityTables, identityMigrations } from './migrations.ts'

const NOW = Date.UTC(2026, 10, 21)
const pepper = createSecretKey(Buffer.alloc(32, 7))
const request = { name: 'laptop', tenant: 'default', scopes: ['infer'] } as const

/** A log in memory; `fail` is what a log on a broken disk does. */
class Log {
  readonly events: EventInput[] = []
  fail = false
  /** Runs at the moment when an event has become durable. */
  onRecorded: () => Promise<void> = async () => {}

  readonly record: RecordEvent = async (event): Promise<Receipt> => {
    if (this.fail) throw new SallyportError('audit.log-read-only', 'the disk failed', { kind: 'unavailable' })
    this.events.push(event)
    await this.onRecorded()
    const index = this.events.length - 1
    const leafHash = createHash('sha256').update(String(index)).digest('hex') as Sha256
    return { id: `evt_${index}` as EventId, index, leafHash }
  }
}

interface Setup {
  readonly database: Database<IdentityTables>
  readonly log: Log
  readonly keys: ApiKeys
}

async function setUp(kind: TestDatabase, context: TestContext): Promise<Setup> {
  const database = await kind.open<IdentityTables>(context, identityMigrations)
  const log = new Log()
  return { database, log, keys: new ApiKeys(database, pepper, { now: () => NOW }, log.record) }
}

describe.each(DATABASES)('API keys on $dialect', (kind) => {
  test('are shown once and stored only as a keyed hash', async (context) => {
    const { database, keys } = await setUp(kind, context)
    const { key, record } = await keys.create(request, 'admin')
    expect(key).toMatch(new RegExp(`^sp_${record.keyId}_`))
    const row = await database.kysely.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow()
    expect(Buffer.from(row.digest)).toEqual(createHmac('sha256', pepper).update(key).digest())
    const secret = key.slice('sp_123456789012_'.length)
    expect(JSON.stringify([row, await keys.list()])).not.toContain(secret)
  })

  test('authenticate in a snapshot taken after they were made', async (context) => {
    const { keys } = await setUp(kind, context)
    const before = await keys.snapshot()
    const { key, record } = await keys.create({ ...request, scopes: ['infer', 'admin'] }, 'admin')
    const after = await keys.snapshot()
    expect(before.authenticate(key, NOW)).toMatchObject({ reason: 'unknown' })
    expect(after.authenticate(`Bearer ${key}`, NOW)).toEqual({
      kind: 'api-key',
      keyId: record.keyId,
      tenant: 'default',
      scopes: ['infer', 'admin'],
    })
  })

  test('stop working in a snapshot taken after they were revoked', async (context) => {
    const { keys } = await setUp(kind, context)
    const { key, record } = await keys.create(request, 'admin')
    const revoked = await keys.revoke(record.keyId, 'admin')
    expect(revoked.record.revokedAt).toBe(NOW)
    expect((await keys.snapshot()).authenticate(key, NOW)).toMatchObject({ reason: 'revoked' })
  })

  test('expire', async (context) => {
    const { keys } = await setUp(kind, context)
    const { key } = await keys.create({ ...request, expiresAt: NOW + 1000 }, 'admin')
    const snapshot = await keys.snapshot()
    expect(snapshot.authenticate(key, NOW + 999)).toMatchObject({ kind: 'api-key' })
    expect(snapshot.authenticate(key, NOW + 1000)).toMatchObject({ reason: 'expired' })
  })

  test('are listed with what is known of them, oldest first', async (context) => {
    const database = await kind.open<IdentityTables>(context, identityMigrations)
    let now = NOW
    const keys = new ApiKeys(database, pepper, { now: () => now++ }, new Log().record)
    const first = await keys.create(request, 'admin')
    const second = await keys.create({ ...request, name: 'CI', expiresAt: NOW + 9 }, 'admin')
    expect(await keys.list()).toEqual([first.record, second.record])
    expect(second.record).toEqual({
      keyId: second.record.keyId,
      name: 'CI',
      tenant: 'default',
      scopes: ['infer'],
      createdAt: NOW + 1,
      expiresAt: NOW + 9,
      revokedAt: null,
    })
  })

  test('are logged when they are made and when they are revoked, with names only as commitments', async (context) => {
    const { keys, log } = await setUp(kind, context)
    const created = await keys.create({ ...request, expiresAt: NOW + 1 }, 'alice')
    const revoked = await keys.revoke(created.record.keyId, 'bob')
    const known = { key: created.record.keyId, name: 'laptop', tenant: 'default' }
    expect(log.events).toEqual([
      {
        type: 'key.created',
        data: { scopes: ['infer'], expiresAt: NOW + 1 },
        private: { ...known, actor: 'alice' },
      },
      { type: 'key.revoked', data: { revokedAt: NOW }, private: { ...known, actor: 'bob' } },
    ])
    expect([created.eventId, revoked.eventId]).toEqual(['evt_0', 'evt_1'])
  })

  test('are revoked once, however often it is asked', async (context) => {
    const { keys, log } = await setUp(kind, context)
    const { record } = await keys.create(request, 'admin')
    const first = await keys.revoke(record.keyId, 'alice')
    expect(await keys.revoke(record.keyId, 'bob')).toEqual(first)
    expect(log.events).toHaveLength(2)
  })

  test('belong to a tenant that exists', async (context) => {
    const { keys, log } = await setUp(kind, context)
    await expect(keys.create({ ...request, tenant: 'nobody' }, 'admin')).rejects.toMatchObject({
      code: 'identity.tenant-unknown',
      kind: 'not-found',
    })
    expect(log.events).toEqual([])
  })

  test('that do not exist cannot be revoked', async (context) => {
    const { keys, log } = await setUp(kind, context)
    await expect(keys.revoke('000000000000', 'admin')).rejects.toMatchObject({
      code: 'identity.key-unknown',
      kind: 'not-found',
    })
    expect(log.events).toEqual([])
  })

  test('do not work when the log could not say that they were made', async (context) => {
    const { keys, log } = await setUp(kind, context)
    log.fail = true
    await expect(keys.create(request, 'admin')).rejects.toMatchObject({ code: 'audit.log-read-only' })
    expect(await keys.list()).toEqual([])
    expect((await keys.snapshot()).size).toBe(0)
  })

  test('whose making was cut short never work, and the log says so at the next start, once', async (context) => {
    const { database, keys, log } = await setUp(kind, context)
    log.onRecorded = () => Promise.reject(new Error('killed right after the event became durable'))
    await expect(keys.create(request, 'admin')).rejects.toThrow('killed')
    log.onRecorded = async () => {}
    const [row] = await database.kysely.selectFrom('api_keys').selectAll().execute()
    await expect(keys.revoke(row?.key_id ?? '', 'admin')).rejects.toMatchObject({
      code: 'identity.key-unknown',
    })
    expect((await keys.snapshot()).size).toBe(0)
    expect(await keys.settle()).toBe(1)
    expect(await keys.settle()).toBe(0)
    expect(log.events.map(({ type }) => type)).toEqual(['key.created', 'key.abandoned'])
    expect(log.events[1]?.private).toMatchObject({ key: row?.key_id })
    expect(await database.kysely.selectFrom('api_keys').selectAll().execute()).toEqual([])
  })

  test('do not work before their event is in the log', async (context) => {
    const { keys, log } = await setUp(kind, context)
    const sizes: number[] = []
    log.onRecorded = async () => void sizes.push((await keys.snapshot()).size)
    await keys.create(request, 'admin')
    expect(sizes).toEqual([0])
    expect((await keys.snapshot()).size).toBe(1)
  })

  test('that the log calls revoked are dead, wherever the process died', async (context) => {
    const { keys, log } = await setUp(kind, context)
    const { key, record } = await keys.create(request, 'admin')
    log.onRecorded = async () => {
      const atThatMoment = (await keys.snapshot()).authenticate(key, NOW)
      expect(atThatMoment).toMatchObject({ reason: 'revoked' })
    }
    await keys.revoke(record.keyId, 'admin')
    expect(log.events).toHaveLength(2)
  })

  test('that were revoked when the process died get their event at the next start, once', async (context) => {
    const { keys, log } = await setUp(kind, context)
    const { key, record } = await keys.create(request, 'admin')
    log.fail = true
    await expect(keys.revoke(record.keyId, 'alice')).rejects.toMatchObject({ code: 'audit.log-read-only' })
    expect((await keys.snapshot()).authenticate(key, NOW)).toMatchObject({ reason: 'revoked' })
    log.fail = false
    expect(await keys.settle()).toBe(1)
    expect(await keys.settle()).toBe(0)
    expect(log.events.map(({ type }) => type)).toEqual(['key.created', 'key.revoked'])
    expect(log.events[1]?.private).toMatchObject({ key: record.keyId, actor: 'alice' })
  })

  test('whose record names a scope that does not exist are refused, not guessed at', async (context) => {
    const { database, keys } = await setUp(kind, context)
    await keys.create(request, 'admin')
    await database.kysely.updateTable('api_keys').set({ scopes: 'infer root' }).execute()
    await expect(keys.snapshot()).rejects.toMatchObject({ code: 'identity.record-damaged' })
  })
})

test('a key that makes no sense is refused and not logged', async (context) => {
  const [sqlite] = DATABASES
  if (sqlite === undefined) throw new Error('there is no database')
  const { keys, log } = await setUp(sqlite, context)
  const changes: readonly object[] = [
    { name: ' ' },
    { name: 'x'.repeat(101) },
    { name: 'a\nb' },
    { scopes: [] },
    { scopes: ['root'] },
    { tenant: '../x' },
    { expiresAt: NOW },
    { expiresAt: NOW + 1.5 },
  ]
  for (const change of changes) {
    const creating = keys.create({ ...request, ...change }, 'admin')
    await expect(creating).rejects.toMatchObject({ code: 'identity.key-request-invalid', kind: 'invalid' })
  }
  expect(log.events).toEqual([])
})
