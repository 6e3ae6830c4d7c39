import type { KeyObject } from 'node:crypto'
import type { EventInput, Receipt } from '../audit/index.ts'
import {
  type Clock,
  type EventId,
  type KeyId,
  SallyportError,
  type Scope,
  type TenantId,
} from '../core/index.ts'
import type { Database } from '../storage/index.ts'
import type { KeySnapshot } from './key-snapshot.ts'
import type { IdentityTables } from './migrations.ts'

/** Makes an event durable in the transparency log. */
export type RecordEvent = (event: EventInput) => Promise<Receipt>

/** An API key as far as it is kept: never the key itself. Times are milliseconds since the Unix epoch. */
export interface ApiKeyRecord {
  readonly keyId: KeyId
  readonly name: string
  readonly tenant: TenantId
  readonly scopes: readonly Scope[]
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

export interface CreateKeyRequest {
  readonly name: string
  readonly tenant: string
  readonly scopes: readonly Scope[]
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

/** The API keys of this installation. */
export class ApiKeys {
  constructor(
    _database: Database<IdentityTables>,
    _pepper: KeyObject,
    _clock: Clock,
    _record: RecordEvent,
  ) {
    throw unfinished()
  }
  async create(_request: CreateKeyRequest): Promise<CreatedApiKey> {
    throw unfinished()
  }
  async revoke(_keyId: string): Promise<RevokedApiKey> {
    throw unfinished()
  }
  async list(): Promise<ApiKeyRecord[]> {
    throw unfinished()
  }
  /** Completes the evidence of revocations that a crash cut short; call once at start, before `snapshot`. */
  async settle(): Promise<number> {
    throw unfinished()
  }
  async snapshot(): Promise<KeySnapshot> {
    throw unfinished()
  }
}

function unfinished(): SallyportError {
  return new SallyportError('identity.unfinished', 'not built yet', { kind: 'internal' })
}
