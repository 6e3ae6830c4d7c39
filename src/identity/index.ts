/** Who is calling: API keys. */
export {
  type ApiKeyRecord,
  ApiKeys,
  type CreatedApiKey,
  type CreateKeyRequest,
  type RecordEvent,
  type RevokedApiKey,
} from './api-keys.ts'
export { type AuthenticationFailure, type FailureReason, KeySnapshot } from './key-snapshot.ts'
export { type IdentityTables, identityMigrations } from './migrations.ts'
export { unauthenticated } from './unauthenticated.ts'
