import type { Kysely } from 'kysely'

/**
 * One step of the schema, forward only. A wing owns its tables and exports its migrations; the names of all wings
 * together are unique and are applied in their order.
 *
 * Columns are `text`, `integer` and `blob`: JSON stands in text, a time is an integer of milliseconds since the Unix
 * epoch, a truth value is an integer of 0 or 1. They mean the same on both databases: text sorts by its code points,
 * integers have 64 bits (of which JavaScript takes 53), and a value of another type is refused.
 */
export interface Migration {
  /** Three digits and words such as `001-supply-versions`; recorded once applied, never renamed afterwards. */
  readonly name: string
  /** Runs inside the one transaction that holds all pending migrations; uses nothing but `schema`. */
  up(schema: Kysely<unknown>): Promise<void>
}
