import { once } from 'node:events'
import { type Migration, openDatabase } from '../../../src/storage/index.ts'

/**
 * Inserts rows into the database at the URL in its argument, one transaction each, and prints the number of a row once
 * its commit was acknowledged. Ends only when it is killed, or when an insert fails: then it prints the error's code.
 */
export interface RowTables {
  readonly rows: { readonly number: number; readonly text: string }
}

export const rowMigrations: readonly Migration[] = [
  {
    name: '001-test-rows',
    async up({ schema }) {
      await schema
        .createTable('rows')
        .addColumn('number', 'integer', (column) => column.primaryKey())
        .addColumn('text', 'text', (column) => column.notNull())
        .execute()
    },
  },
]

const url = process.argv[2]
if (import.meta.main && url !== undefined) {
  const database = await openDatabase<RowTables>(url, rowMigrations)
  const last = await database.kysely
    .selectFrom('rows')
    .select(({ fn }) => fn.max('number').as('number'))
    .executeTakeFirst()
  try {
    for (let number = (last?.number ?? 0) + 1; ; number++) {
      await database.kysely
        .insertInto('rows')
        .values({ number, text: 'x'.repeat(200) })
        .execute()
      if (!process.stdout.write(`${number}\n`)) await once(process.stdout, 'drain')
    }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : thrown
    process.stdout.write(`${code}\n`)
    await database.close()
  }
}
