import type { Migration } from '../storage/index.ts'

export interface IdentityTables {
  readonly tenants: { readonly id: string }
  readonly api_keys: ApiKeyTable
}

export interface ApiKeyTable {
  readonly key_id: string
  /** HMAC-SHA256 of the whole key under the pepper, 32 bytes. */
  readonly digest: Uint8Array
  readonly name: string
  readonly tenant: string
  /** Separated by single spaces. */
  readonly scopes: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
  /** The leaf of the log that says so. */
  readonly created_event: string
  /** Null until the leaf is durable; `ApiKeys.settle` completes it. */
  readonly revoked_event: string | null
}

export const identityMigrations: readonly Migration[] = [
  {
    name: '001-identity-keys',
    async up({ schema }) {
      await schema
        .createTable('tenants')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .execute()
      await schema
        .createTable('api_keys')
        .addColumn('key_id', 'text', (column) => column.primaryKey())
        .addColumn('digest', 'blob', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('tenant', 'text', (column) => column.notNull().references('tenants.id'))
        .addColumn('scopes', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'integer')
        .addColumn('revoked_at', 'integer')
        .addColumn('created_event', 'text', (column) => column.notNull())
        .addColumn('revoked_event', 'text')
        .execute()
    },
  },
]
