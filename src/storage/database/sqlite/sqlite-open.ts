import type { Dialect } from 'kysely'
import type { TransactionScope } from '../transaction-scope.ts'
import type { WorkerOptions } from './sqlite-protocol.ts'
import { SqliteThread } from './sqlite-thread.ts'

/** The dialect over an open file. The thread opens it while this one loads Kysely, which is most of a cold start. */
export async function openSqlite(options: WorkerOptions, scope: TransactionScope): Promise<Dialect> {
  const opening = SqliteThread.start(options)
  const [{ SqliteThreadDialect }, thread] = await Promise.all([import('./sqlite-dialect.ts'), opening])
  return new SqliteThreadDialect(thread, scope)
}
