import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { SallyportError } from '../../../core/index.ts'
import { streamingUnsupported, transactionAborted } from '../errors.ts'
import { requirePortable } from '../parameters.ts'
import type { SqliteThread } from './sqlite-thread.ts'

/**
 * The one connection. A statement that fails spoils the transaction it is in, as on PostgreSQL, so that code which works
 * here works there.
 */
export class SqliteConnection implements DatabaseConnection {
  readonly #thread: SqliteThread
  #transaction: 'none' | 'open' | 'failed' = 'none'

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.#transaction === 'failed') throw transactionAborted()
    try {
      const { rows, changes, insertId } = await this.#thread.run(sql, requirePortable(parameters))
      return {
        // The caller named the row's type together with the statement; Kysely's own drivers trust it likewise.
        rows: rows as Row[],
        ...(changes === undefined ? {} : { numAffectedRows: changes }),
        ...(insertId === undefined ? {} : { insertId }),
      }
    } catch (thrown) {
      if (this.#transaction === 'open') this.#transaction = 'failed'
      throw thrown
    }
  }

  // biome-ignore lint/correctness/useYield: the interface asks for a generator; there is nothing to give
  async *streamQuery(): AsyncGenerator<never> {
    throw streamingUnsupported()
  }

  async begin(isReadOnly: boolean): Promise<void> {
    // Taking the write lock at once is what keeps two writers from a deadlock.
    await this.#thread.run(isReadOnly ? 'begin' : 'begin immediate', [])
    this.#transaction = 'open'
  }

  async commit(): Promise<void> {
    if (this.#transaction === 'failed') throw transactionAborted()
    await this.#thread.run('commit', [])
    this.#transaction = 'none'
  }

  async rollback(): Promise<void> {
    this.#transaction = 'none'
    await this.#thread.run('rollback', []).catch(ignoreEndedTransaction)
  }
}

/** After some failures, such as a full disk, SQLite has rolled back by itself. */
function ignoreEndedTransaction(thrown: unknown): void {
  const isEnded = thrown instanceof SallyportError && thrown.details['resultCode'] === 1
  if (!isEnded) throw thrown
}
