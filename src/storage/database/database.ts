import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Dialect, Kysely, Transaction } from 'kysely'
import { type Clock, SallyportError, systemClock } from '../../core/index.ts'
import type { Migration } from './migration.ts'
import { TransactionScope } from './transaction-scope.ts'

/** The records: SQLite on one machine, PostgreSQL on many. Queries are written once, in Kysely. */
export interface Database<Tables> {
  readonly dialect: 'sqlite' | 'postgres'
  /** For single statements, each its own transaction. */
  readonly kysely: Kysely<Tables>
  /**
   * Runs `work` in one serializable transaction; what it throws rolls everything back and is thrown on. PostgreSQL may
   * refuse to serialise two transactions: then `work` runs again, so it does nothing but query.
   * @throws SallyportError `storage.nested-query` if `work` queries past its transaction, which would wait for itself;
   *   `storage.transaction-conflict` if others got in the way five times.
   */
  transaction<Result>(work: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result>
  /** Waits for running queries, then closes; everything later is refused. */
  close(): Promise<void>
}

export interface OpenDatabaseOptions {
  /** Dates the migrations. */
  readonly clock?: Clock
  /** How long SQLite waits for another process that holds the file, in milliseconds. */
  readonly busyTimeoutMs?: number
}

/**
 * Opens the records and brings their schema up to date in one transaction.
 *
 * @param url `sqlite:PATH` (the folder exists, the file is made, mode 0600) or `postgres://user:password@host/database`.
 * @param migrations those of every wing that uses this database.
 * @throws SallyportError `storage.database-url-invalid`, `storage.database-corrupt`, `storage.database-foreign`,
 *   `storage.database-newer`, `storage.database-locked`, `storage.database-unavailable`,
 *   `storage.database-not-durable`, `storage.disk-full`, `storage.migration-failed`.
 */
export async function openDatabase<Tables>(
  url: string,
  migrations: readonly Migration[],
  { clock = systemClock, busyTimeoutMs = 5_000 }: OpenDatabaseOptions = {},
): Promise<Database<Tables>> {
  const target = parseUrl(url)
  const scope = new TransactionScope()
  const dialect = await openDialect(target, scope, busyTimeoutMs)
  const { Kysely } = await import('kysely')
  const kysely = new Kysely<Tables>({ dialect })
  const untyped = kysely as Kysely<unknown>
  try {
    const { migrate } = await import('./migrate.ts')
    if (target.dialect === 'postgres') {
      const { requireDurable } = await import('./postgres/index.ts')
      await requireDurable(untyped, target.label)
    }
    await migrate({ kysely: untyped, dialect: target.dialect, label: target.label }, migrations, clock)
  } catch (thrown) {
    await kysely.destroy()
    throw thrown
  }
  return new KyselyDatabase(target.dialect, kysely, scope)
}

interface Target {
  readonly dialect: 'sqlite' | 'postgres'
  readonly location: string
  /** For errors: without a password. */
  readonly label: string
}

function parseUrl(url: string): Target {
  if (url.startsWith('sqlite:') && url.length > 'sqlite:'.length) {
    const path = resolve(url.slice('sqlite:'.length))
    return { dialect: 'sqlite', location: path, label: path }
  }
  if (/^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)) {
    const { host, pathname } = new URL(url)
    return { dialect: 'postgres', location: url, label: `${host}${pathname}` }
  }
  // The text is not repeated: it may hold a password.
  throw new SallyportError('storage.database-url-invalid', 'the database URL is not valid', {
    kind: 'invalid',
    remedy: 'write sqlite:PATH or postgres://user:password@host/database',
  })
}

/** Kysely and `pg` are loaded here, so that a command that opens no database does not pay for them. */
async function openDialect(
  { dialect, location, label }: Target,
  scope: TransactionScope,
  busyTimeoutMs: number,
): Promise<Dialect> {
  if (dialect === 'postgres') {
    const { openPostgres } = await import('./postgres/index.ts')
    return openPostgres(location, label, scope)
  }
  const { openSqlite } = await import('./sqlite/index.ts')
  return openSqlite({ path: location, busyTimeoutMs }, scope)
}

class KyselyDatabase<Tables> implements Database<Tables> {
  readonly dialect: 'sqlite' | 'postgres'
  readonly kysely: Kysely<Tables>
  readonly #scope: TransactionScope

  constructor(dialect: 'sqlite' | 'postgres', kysely: Kysely<Tables>, scope: TransactionScope) {
    this.dialect = dialect
    this.kysely = kysely
    this.#scope = scope
  }

  async transaction<Result>(work: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(work)
      } catch (thrown) {
        const isConflict = thrown instanceof SallyportError && thrown.code === 'storage.transaction-conflict'
        if (!isConflict || attempt === 5) throw thrown
        await setTimeout(attempt * 5)
      }
    }
  }

  #attempt<Result>(work: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result> {
    const transaction = this.kysely.transaction()
    // SQLite has no other isolation.
    const isolated = this.dialect === 'postgres' ? transaction.setIsolationLevel('serializable') : transaction
    return isolated.execute((queries) => this.#scope.run(() => work(queries)))
  }

  async close(): Promise<void> {
    await this.kysely.destroy()
  }
}
