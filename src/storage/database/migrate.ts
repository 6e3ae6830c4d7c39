import { type Kysely, sql, type Transaction } from 'kysely'
import { type Clock, SallyportError, toSallyportError } from '../../core/index.ts'
import { foreignDatabase } from './errors.ts'
import type { Migration } from './migration.ts'
import { PortableSchema } from './portable-schema.ts'

type MigrationTables = {
  readonly sallyport_migrations: { readonly name: string; readonly applied_at: number }
}

/** What `migrate` knows of the database it works on. */
export interface MigrationTarget {
  readonly kysely: Kysely<unknown>
  readonly dialect: 'sqlite' | 'postgres'
  /** Names the database in errors, without a password. */
  readonly label: string
}

const NAME = /^\d{3}(?:-[a-z0-9]+)+$/

/** Any number that no other program takes for its lock: the letters SLYP. */
const ADVISORY_LOCK = 0x534c5950

/**
 * Applies what is missing, all or nothing. Two processes that start at once take turns.
 * @throws SallyportError `storage.database-newer`, `storage.database-foreign`, `storage.migration-failed`.
 */
export async function migrate(
  target: MigrationTarget,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<void> {
  const ordered = inOrder(migrations)
  await target.kysely.transaction().execute(async (untyped) => {
    const transaction = untyped.$extendTables<MigrationTables>()
    if (target.dialect === 'postgres') {
      await sql`select pg_advisory_xact_lock(${sql.lit(ADVISORY_LOCK)})`.execute(transaction)
    }
    const applied = await readApplied(transaction, target)
    refuseNewer(applied, ordered, target.label)
    const schema = untyped.withPlugin(new PortableSchema(target.dialect))
    for (const migration of ordered) {
      if (applied.has(migration.name)) continue
      await apply(migration, schema)
      await transaction
        .insertInto('sallyport_migrations')
        .values({ name: migration.name, applied_at: clock.now() })
        .execute()
    }
  })
}

function inOrder(migrations: readonly Migration[]): readonly Migration[] {
  const ordered = migrations.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  for (const [index, { name }] of ordered.entries()) {
    if (NAME.test(name) && ordered[index + 1]?.name !== name) continue
    throw new SallyportError(
      'storage.migration-name-invalid',
      `the migration name ${name} is not valid or not unique`,
      {
        kind: 'internal',
        remedy: 'name it with three digits and words, such as 001-supply-versions',
      },
    )
  }
  return ordered
}

async function readApplied(
  transaction: Transaction<MigrationTables>,
  { dialect, label }: MigrationTarget,
): Promise<Set<string>> {
  const tables = await (dialect === 'sqlite'
    ? sql<{ name: string }>`select name from sqlite_schema where type = 'table'`
    : sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`
  ).execute(transaction)
  if (tables.rows.some(({ name }) => name === 'sallyport_migrations')) {
    const rows = await transaction.selectFrom('sallyport_migrations').select('name').execute()
    return new Set(rows.map(({ name }) => name))
  }
  if (tables.rows.length > 0) throw foreignDatabase(label)
  await transaction
    .withPlugin(new PortableSchema(dialect))
    .schema.createTable('sallyport_migrations')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('applied_at', 'integer', (column) => column.notNull())
    .execute()
  return new Set()
}

function refuseNewer(applied: ReadonlySet<string>, known: readonly Migration[], label: string): void {
  const names = new Set(known.map(({ name }) => name))
  const unknown = [...applied].filter((name) => !names.has(name))
  if (unknown.length === 0) return
  throw new SallyportError('storage.database-newer', `${label} was written by a newer Sallyport`, {
    kind: 'conflict',
    remedy: 'run that version or a later one; records are never downgraded',
    details: { database: label, unknown },
  })
}

async function apply(migration: Migration, schema: Kysely<unknown>): Promise<void> {
  try {
    await migration.up(schema)
  } catch (thrown) {
    const cause = toSallyportError(thrown)
    throw new SallyportError('storage.migration-failed', `${migration.name}: ${cause.message}`, {
      kind: cause.kind,
      details: { migration: migration.name, code: cause.code },
      cause,
      ...(cause.remedy === undefined ? {} : { remedy: cause.remedy }),
    })
  }
}
