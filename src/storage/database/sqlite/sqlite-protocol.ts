import type { SqlValue } from '../parameters.ts'

/** What goes between the main thread and the thread that holds the database. */
export interface WorkerOptions {
  readonly path: string
  readonly busyTimeoutMs: number
}

export type WorkerRequest =
  | {
      readonly id: number
      readonly kind: 'query'
      readonly sql: string
      readonly parameters: readonly SqlValue[]
    }
  | { readonly id: number; readonly kind: 'close' }

/** The answer to a request; the one with id 0 says that the database is open. */
export type WorkerReply =
  | { readonly id: number; readonly result: StatementResult }
  | { readonly id: number; readonly failure: SqliteFailure }

export interface StatementResult {
  readonly rows: readonly Record<string, SqlValue>[]
  /** Rows that were inserted, changed or deleted; only of a statement that gives no rows. */
  readonly changes?: bigint
  readonly insertId?: bigint
}

/** Why something failed, as plain data: error classes do not survive the way between threads. */
export type SqliteFailure =
  /** SQLite's extended result code, https://www.sqlite.org/rescode.html */
  | { readonly kind: 'sqlite'; readonly resultCode: number; readonly message: string }
  | { readonly kind: 'file'; readonly errno: string }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'unsuitable' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'integer-too-large' }
  | { readonly kind: 'defect'; readonly message: string }
