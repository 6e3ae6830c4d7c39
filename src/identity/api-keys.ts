import type { KeyObject } from 'node:crypto'
import type { RecordEvent } from '../audit/index.ts'
import { type Clock, type EventId, isName, SallyportError, SCOPES, type Scope } from '../core/index.ts'
import type { Database } from '../storage/index.ts'
import { generateKey } from './api-key.ts'
import { type ApiKeyRecord, toRecord } from './api-key-record.ts'
import { keyDigest } from './digest.ts'
import { KeySnapshot } from './key-snapshot.ts'
import { type ApiKeyTable, DEFAULT_TENANT, type IdentityTables } from './migrations.ts'

export interface CreateKeyRequest {
  /** For people, 1 to 100 characters. */
  readonly name: string
  readonly tenant: string
  readonly scopes: readonly Scope[]
  /** Milliseconds since the Unix epoch; without it the key does not expire. */
  readonly expiresAt?: number
}

export interface CreatedApiKey {
  /** The key itself; it is never seen again. */
  readonly key: string
  readonly record: ApiKeyRecord
  readonly eventId: EventId
}

export interface RevokedApiKey {
  readonly record: ApiKeyRecord
  readonly eventId: EventId
}

/**
 * The API keys of this installation, every change of which stands in the transparency log before it is acknowledged.
 *
 * A row is written before its event and completed after it. If the process dies in between, `settle` makes both tell the
 * same: a key that was being made never worked, which the log is told, and is removed; a key that was being revoked is
 * dead from its row on, and gets its event. So every key that works has its event, and every key that the log calls
 * revoked is dead.
 */
export class ApiKeys {
  readonly #database: Database<IdentityTables>
  readonly #pepper: KeyObject
  readonly #clock: Clock
  readonly #record: RecordEvent

  /** @param pepper the HMAC secret under which keys are stored; without it no key can be checked. */
  constructor(database: Database<IdentityTables>, pepper: KeyObject, clock: Clock, record: RecordEvent) {
    this.#database = database
    this.#pepper = pepper
    this.#clock = clock
    this.#record = record
  }

  /**
   * Makes a key. It works in snapshots taken from now on.
   * @param actor who asked; stands in the log only as a salted commitment.
   * @throws SallyportError `identity.key-request-invalid`, `identity.tenant-unknown`; what the log and the database throw.
   */
  async create(request: CreateKeyRequest, actor: string): Promise<CreatedApiKey> {
    const createdAt = this.#clock.now()
    requireValid(request, createdAt)
    await this.#requireTenant(request.tenant)
    const { key, keyId } = generateKey()
    const scopes = SCOPES.filter((scope) => request.scopes.includes(scope))
    const row: ApiKeyTable = {
      key_id: keyId,
      digest: keyDigest(this.#pepper, key),
      name: request.name,
      tenant: request.tenant,
      scopes: scopes.join(' '),
      created_at: createdAt,
      expires_at: request.expiresAt ?? null,
      revoked_at: null,
      revoked_by: null,
      created_event: null,
      revoked_event: null,
    }
    const table = this.#database.kysely
    await table.insertInto('api_keys').values(row).execute()
    const event = await this.#record({
      type: 'key.created',
      data: { scopes, expiresAt: row.expires_at },
      private: { ...privateOf(row), actor },
    })
    await table.updateTable('api_keys').set({ created_event: event.id }).where('key_id', '=', keyId).execute()
    return { key, record: toRecord(row), eventId: event.id }
  }

  /**
   * Ends a key for good; it fails in snapshots taken from now on. Revoking it again changes nothing.
   * @throws SallyportError `identity.key-unknown`; what the log and the database throw. If the log fails, the key is dead
   *   all the same, and revoking it again or `settle` completes the evidence.
   */
  async revoke(keyId: string, actor: string): Promise<RevokedApiKey> {
    const table = this.#database.kysely
    await table
      .updateTable('api_keys')
      .set({ revoked_at: this.#clock.now(), revoked_by: actor })
      .where('key_id', '=', keyId)
      .where('created_event', 'is not', null)
      .where('revoked_at', 'is', null)
      .execute()
    const row = await table
      .selectFrom('api_keys')
      .selectAll()
      .where('key_id', '=', keyId)
      .where('created_event', 'is not', null)
      .executeTakeFirst()
    if (row === undefined) throw unknownKey()
    const eventId = row.revoked_event === null ? await this.#settleRevocation(row) : row.revoked_event
    return { record: toRecord(row), eventId: eventId as EventId }
  }

  /** All keys, oldest first, dead ones too. */
  async list(): Promise<ApiKeyRecord[]> {
    return (await this.#rows()).map(toRecord)
  }

  /**
   * Completes what a crash cut short, and says how many changes that were. Call it at start, as the owner of the state:
   * a key that is just being made looks no different.
   */
  async settle(): Promise<number> {
    const table = this.#database.kysely
    const unfinished = await table
      .selectFrom('api_keys')
      .selectAll()
      .where(({ or, and, eb }) =>
        or([
          eb('created_event', 'is', null),
          and([eb('revoked_at', 'is not', null), eb('revoked_event', 'is', null)]),
        ]),
      )
      .execute()
    for (const row of unfinished) {
      if (row.created_event === null) await this.#abandon(row)
      else await this.#settleRevocation(row)
    }
    return unfinished.length
  }

  /** All keys as they are now, for the data plane. */
  async snapshot(): Promise<KeySnapshot> {
    const rows = await this.#rows()
    return new KeySnapshot(
      this.#pepper,
      rows.map((row) => ({ record: toRecord(row), digest: row.digest })),
    )
  }

  #rows(): Promise<ApiKeyTable[]> {
    return this.#database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .where('created_event', 'is not', null)
      .orderBy('created_at')
      .orderBy('key_id')
      .execute()
  }

  /** Nobody ever got the key: the process died before it was handed over, perhaps after the log knew of it. */
  async #abandon(row: ApiKeyTable): Promise<void> {
    await this.#record({ type: 'key.abandoned', private: privateOf(row) })
    await this.#database.kysely.deleteFrom('api_keys').where('key_id', '=', row.key_id).execute()
  }

  async #settleRevocation(row: ApiKeyTable): Promise<EventId> {
    const event = await this.#record({
      type: 'key.revoked',
      data: { revokedAt: row.revoked_at },
      private: { ...privateOf(row), actor: row.revoked_by ?? '' },
    })
    await this.#database.kysely
      .updateTable('api_keys')
      .set({ revoked_event: event.id })
      .where('key_id', '=', row.key_id)
      .execute()
    return event.id
  }

  async #requireTenant(tenant: string): Promise<void> {
    const found = await this.#database.kysely
      .selectFrom('tenants')
      .select('id')
      .where('id', '=', tenant)
      .executeTakeFirst()
    if (found !== undefined) return
    throw new SallyportError('identity.tenant-unknown', `there is no tenant ${tenant}`, {
      kind: 'not-found',
      remedy: `use the tenant ${DEFAULT_TENANT}`,
      details: { tenant },
    })
  }
}

function privateOf(row: ApiKeyTable): Readonly<Record<string, string>> {
  return { key: row.key_id, name: row.name, tenant: row.tenant }
}

function requireValid(request: CreateKeyRequest, now: number): void {
  const problem = problemOf(request, now)
  if (problem === undefined) return
  throw new SallyportError('identity.key-request-invalid', `the key cannot be made: ${problem}`, {
    kind: 'invalid',
    remedy: 'give a name of 1 to 100 characters, a tenant, at least one scope, and an expiry that lies ahead',
  })
}

function problemOf({ name, tenant, scopes, expiresAt }: CreateKeyRequest, now: number): string | undefined {
  if (name.trim() === '' || name.length > 100) return 'its name is empty or longer than 100 characters'
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return 'its name holds control characters'
  if (!isName(tenant)) return 'the name of its tenant is not valid'
  if (scopes.length === 0) return 'it has no scope'
  if (!scopes.every((scope) => SCOPES.includes(scope))) return 'one of its scopes does not exist'
  if (expiresAt === undefined) return undefined
  if (!Number.isSafeInteger(expiresAt)) return 'its expiry is not a whole number of milliseconds'
  return expiresAt <= now ? 'its expiry lies in the past' : undefined
}

function unknownKey(): SallyportError {
  return new SallyportError('identity.key-unknown', 'there is no such key', {
    kind: 'not-found',
    remedy: 'see `sallyport key list` for the ids of the keys',
  })
}
