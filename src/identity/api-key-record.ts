import { type KeyId, SallyportError, SCOPES, type Scope, type TenantId } from '../core/index.ts'
import type { ApiKeyTable } from './migrations.ts'

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

/** @throws SallyportError `identity.record-damaged` for scopes that this version does not know: never widen by guessing. */
export function toRecord(row: ApiKeyTable): ApiKeyRecord {
  return {
    keyId: row.key_id as KeyId,
    name: row.name,
    tenant: row.tenant as TenantId,
    scopes: row.scopes.split(' ').map((scope) => toScope(scope, row.key_id)),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}

function toScope(text: string, keyId: string): Scope {
  const scope = SCOPES.find((known) => known === text)
  if (scope !== undefined) return scope
  throw new SallyportError('identity.record-damaged', `key ${keyId} has a scope that does not exist`, {
    kind: 'internal',
    remedy: 'restore the database from a backup, or revoke the key and create another',
    details: { keyId },
  })
}
