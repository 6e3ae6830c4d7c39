import { AsyncLocalStorage } from 'node:async_hooks'
import { SallyportError } from '../../core/index.ts'

/**
 * Notices a query that is made past the transaction it runs in. On SQLite it would wait for that transaction forever; on
 * PostgreSQL it would silently not belong to it.
 */
export class TransactionScope {
  readonly #storage = new AsyncLocalStorage<{ isOpen: boolean }>()

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const transaction = { isOpen: true }
    try {
      return await this.#storage.run(transaction, work)
    } finally {
      // What the work left running behind it may query again.
      transaction.isOpen = false
    }
  }

  /** @throws SallyportError `storage.nested-query` inside an open transaction. */
  refuseInside(): void {
    if (this.#storage.getStore()?.isOpen !== true) return
    throw new SallyportError('storage.nested-query', 'a query was made past the transaction it runs in', {
      kind: 'internal',
      remedy: 'inside `transaction` use only the transaction that is passed to the work',
    })
  }
}
