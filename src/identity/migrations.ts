import type { TenantId } from '../core/index.ts'
import type { Migration } from '../storage/index.ts'

export interface IdentityTables {
  readonly tenants: TenantTable
  readonly api_keys: ApiKeyTable
}

/** A type and not an interface: the migration below names it to Kysely, which wants an index signature. */
type TenantTable = { readonly id: string }

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
  /** Who asked for it: its event may be written after a crash. */
  readonly revoked_by: string | null
  /** The leaf of the log that says so. Null until it is durable; such a key does not work. */
  readonly created_event: string | null
  /** Null until the leaf is durable; `ApiKeys.settle` completes it. */
  readonly revoked_event: string | null
}

/** The tenant that every installation has. */
export const DEFAULT_TENANT = 'default' as TenantId

export const identityMigrations: readonly Migration[] = [
  {
    name: '001-identity-keys',
    async up(database) {
      await database.schema
        .createTable('tenants')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .execute()
      await database
        .$extendTables<{ tenants: TenantTable }>()
        .insertInto('tenants')
        .values({ id: DEFAULT_TENANT })
        .execute()
      await database.schema
        .createTable('api_keys')
        .addColumn('key_id', 'text', (column) => column.primaryKey())
        .addColumn('digest', 'blob', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('tenant', 'text', (column) => column.notNull().references('tenants.id'))
        .addColumn('scopes', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'integer')
        .addColumn('revoked_at', 'integer')
        .addColumn('revoked_by', 'text')
        .addColumn('created_event', 'text')
        .addColumn('revoked_event', 'text')
        .execute()
    },
  },
]
