/** The records: one Kysely schema over SQLite and PostgreSQL. */
export { type Database, type OpenDatabaseOptions, openDatabase } from './database.ts'
export type { Migration } from './migration.ts'
