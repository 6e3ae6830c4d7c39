import type { Kysely, Transaction } from 'kysely'
import { type Clock, SallyportError, systemClock } from '../../core/index.ts'
import type { Migration } from './migration.ts'

/** The records: SQLite on one machine, PostgreSQL on many. Queries are written once, in Kysely. */
export interface Database<Tables> {
  readonly dialect: 'sqlite' | 'postgres'
  /** For single statements, each its own transaction. */
  readonly kysely: Kysely<Tables>
  /**
   * Runs `work` in one serializable transaction; what it throws rolls everything back and is thrown on.
   * PostgreSQL may refuse to serialise two transactions: then `work` runs again, so it does nothing but query.
   * @throws SallyportError `storage.nested-query` if `work` queries past its transaction, which would wait for itself.
   */
  transaction<Result>(work: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result>
  /** Waits for running queries, then closes; everything later is refused. */
  close(): Promise<void>
}

export interface OpenDatabaseOptions {
  /** Dates the migrations. */
  readonly clock?: Clock
}

/**
 * Opens the records and brings their schema up to date in one transaction.
 *
 * @param url `sqlite:PATH` (the folder exists, the file is made, mode 0600) or `postgres://user:password@host/database`.
 * @param migrations those of every wing that uses this database.
 * @throws SallyportError `storage.database-url-invalid`, `storage.database-corrupt`, `storage.database-foreign`,
 *   `storage.database-newer`, `storage.database-locked`, `storage.database-unavailable`, `storage.disk-full`.
 */
export async function openDatabase<Tables>(
  _url: string,
  _migrations: readonly Migration[],
  { clock: _clock = systemClock }: OpenDatabaseOptions = {},
): Promise<Database<Tables>> {
  throw new SallyportError('storage.unfinished', 'not built yet', { kind: 'internal' })
}
