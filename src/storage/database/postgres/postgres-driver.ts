import { type DatabaseConnection, type PostgresDialectConfig, PostgresDriver } from 'kysely'
import { requirePortable } from '../parameters.ts'
import type { TransactionScope } from '../transaction-scope.ts'
import { postgresError } from './postgres-errors.ts'

/** Kysely's driver, with typed errors and the same strictness about parameters and transactions as on SQLite. */
export class PostgresTypedDriver extends PostgresDriver {
  readonly #scope: TransactionScope
  readonly #label: string
  readonly #typed = new WeakSet<DatabaseConnection>()

  constructor(config: PostgresDialectConfig, scope: TransactionScope, label: string) {
    super(config)
    this.#scope = scope
    this.#label = label
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#scope.refuseInside()
    const connection = await this.#typing(super.acquireConnection())
    if (!this.#typed.has(connection)) {
      this.#typed.add(connection)
      // Kysely's connection class is not exported, and it logs in the same way.
      const executeQuery = connection.executeQuery.bind(connection)
      connection.executeQuery = async (query, options) => {
        const parameters = requirePortable(query.parameters)
        return this.#typing(executeQuery({ ...query, parameters }, options))
      }
    }
    return connection
  }

  async #typing<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (thrown) {
      throw postgresError(thrown, this.#label)
    }
  }
}
