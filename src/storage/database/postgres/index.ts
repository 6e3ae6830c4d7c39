/** PostgreSQL through `pg`. Imported only when a URL asks for it. */
export { openPostgres, requireDurable } from './postgres-pool.ts'
