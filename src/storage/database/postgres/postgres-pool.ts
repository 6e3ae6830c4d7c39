import { type Kysely, sql } from 'kysely'
import { Pool } from 'pg'
import { SallyportError } from '../../../core/index.ts'
import type { TransactionScope } from '../transaction-scope.ts'
import { PostgresTypedDialect } from './postgres-dialect.ts'
import { portableTypes } from './postgres-types.ts'

/** The dialect over a pool of connections; none is made before the first query. */
export function openPostgres(url: string, label: string, scope: TransactionScope): PostgresTypedDialect {
  const pool = new Pool({
    connectionString: url,
    application_name: 'sallyport',
    types: portableTypes,
    max: 10,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  })
  // An idle connection was lost: the pool has dropped it, the next query makes another. Unheard, it would end the process.
  pool.on('error', () => {})
  return new PostgresTypedDialect({ pool }, scope, label)
}

/**
 * A server that acknowledges commits which it may forget breaks the promise of every record.
 * @throws SallyportError `storage.database-not-durable`.
 */
export async function requireDurable(kysely: Kysely<unknown>, label: string): Promise<void> {
  const { rows } = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings where name in ('fsync', 'synchronous_commit') and setting = 'off'
  `.execute(kysely)
  if (rows.length === 0) return
  const settings = rows.map(({ name }) => name)
  throw new SallyportError(
    'storage.database-not-durable',
    `${label} runs with ${settings.join(' and ')} off`,
    {
      kind: 'conflict',
      remedy: 'turn it on: acknowledged records would be lost with the power',
      details: { database: label, settings },
    },
  )
}
