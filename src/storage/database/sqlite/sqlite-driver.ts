import type { Driver, TransactionSettings } from 'kysely'
import type { TransactionScope } from '../transaction-scope.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import type { SqliteThread } from './sqlite-thread.ts'

/** One connection, handed to one user at a time in the order of asking. */
export class SqliteDriver implements Driver {
  readonly #thread: SqliteThread
  readonly #scope: TransactionScope
  readonly #connection: SqliteConnection
  #free: Promise<void> = Promise.resolve()
  #release: (() => void) | undefined

  constructor(thread: SqliteThread, scope: TransactionScope) {
    this.#thread = thread
    this.#scope = scope
    this.#connection = new SqliteConnection(thread)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SqliteConnection> {
    this.#scope.refuseInside()
    const turn = this.#free
    let release = () => {}
    this.#free = new Promise((resolve) => {
      release = resolve
    })
    await turn
    this.#release = release
    return this.#connection
  }

  async releaseConnection(): Promise<void> {
    this.#release?.()
  }

  async beginTransaction(connection: SqliteConnection, settings: TransactionSettings): Promise<void> {
    await connection.begin(settings.accessMode === 'read only')
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    await connection.commit()
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    await connection.rollback()
  }

  async destroy(): Promise<void> {
    await this.#free
    await this.#thread.close()
  }
}
