/** Who is calling: API keys. */
export type { ApiKeyRecord } from './api-key-record.ts'
export {
  ApiKeys,
  type CreatedApiKey,
  type CreateKeyRequest,
  type RevokedApiKey,
} from './api-keys.ts'
export { type AuthenticationFailure, type FailureReason, KeySnapshot } from './key-snapshot.ts'
export { DEFAULT_TENANT, type IdentityTables, identityMigrations } from './migrations.ts'
export { unauthenticated } from './unauthenticated.ts'
