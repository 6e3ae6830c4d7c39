/** SQLite in its own thread. */
export { openSqlite } from './sqlite-open.ts'
