import {
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { TransactionScope } from '../transaction-scope.ts'
import { SqliteDriver } from './sqlite-driver.ts'
import type { SqliteThread } from './sqlite-thread.ts'

/** Kysely's SQLite over `node:sqlite` in a thread of its own. */
export class SqliteThreadDialect implements Dialect {
  readonly #thread: SqliteThread
  readonly #scope: TransactionScope

  constructor(thread: SqliteThread, scope: TransactionScope) {
    this.#thread = thread
    this.#scope = scope
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#thread, this.#scope)
  }

  createAdapter(): SqliteAdapter {
    return new SqliteThreadAdapter()
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler()
  }

  createIntrospector(database: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(database)
  }
}

/** The driver hands out its connection in turns itself: it must see who asks, to refuse who would wait forever. */
class SqliteThreadAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}
