import { type Driver, PostgresDialect, type PostgresDialectConfig } from 'kysely'
import type { TransactionScope } from '../transaction-scope.ts'
import { PostgresTypedDriver } from './postgres-driver.ts'

export class PostgresTypedDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig
  readonly #scope: TransactionScope
  readonly #label: string

  constructor(config: PostgresDialectConfig, scope: TransactionScope, label: string) {
    super(config)
    this.#config = config
    this.#scope = scope
    this.#label = label
  }

  override createDriver(): Driver {
    return new PostgresTypedDriver(this.#config, this.#scope, this.#label)
  }
}
