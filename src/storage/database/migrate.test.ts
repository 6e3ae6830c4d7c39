import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { DATABASES } from '../../../test/support/databases.ts'
import { openDatabase } from './database.ts'
import type { Migration } from './migration.ts'

interface Tables {
  readonly notes: { readonly id: number; readonly text: string; readonly stars: number }
}

const notes: Migration = {
  name: '001-notes-first',
  async up({ schema }) {
    await schema
      .createTable('notes')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('text', 'text', (column) => column.notNull())
      .execute()
  },
}
const stars: Migration = {
  name: '002-notes-stars',
  async up({ schema }) {
    await schema
      .alterTable('notes')
      .addColumn('stars', 'integer', (column) => column.notNull().defaultTo(0))
      .execute()
  },
}
const broken: Migration = {
  name: '003-notes-broken',
  async up({ schema }) {
    await schema.createTable('half').addColumn('id', 'integer').execute()
    await schema.createTable('half').addColumn('id', 'integer').execute()
  },
}

/** Runs SQL past everything, as another program would. */
async function outside(url: string, statement: string): Promise<void> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length))
    database.exec(statement)
    database.close()
    return
  }
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

describe.each(DATABASES)('the schema on $dialect', (kind) => {
  test('is brought up to date step by step, and the records stay', async (context) => {
    const url = await kind.emptyUrl(context)
    const first = await openDatabase<Tables>(url, [notes])
    await sql`insert into notes (id, text) values (1, 'kept')`.execute(first.kysely)
    await first.close()
    const second = await openDatabase<Tables>(url, [stars, notes])
    context.onTestFinished(() => second.close())
    const rows = await second.kysely.selectFrom('notes').selectAll().execute()
    expect(rows).toEqual([{ id: 1, text: 'kept', stars: 0 }])
  })

  test('is left alone when it is up to date', async (context) => {
    const url = await kind.emptyUrl(context)
    const clock = { now: () => 1 }
    await (await openDatabase<Tables>(url, [notes], { clock })).close()
    const again = await openDatabase<Tables>(url, [notes], { clock: { now: () => 2 } })
    context.onTestFinished(() => again.close())
    const { rows } = await sql`select * from sallyport_migrations`.execute(again.kysely)
    expect(rows).toEqual([{ name: '001-notes-first', applied_at: 1 }])
  })

  test('is refused when a newer version has written it', async (context) => {
    const url = await kind.emptyUrl(context)
    await (await openDatabase<Tables>(url, [notes, stars])).close()
    await expect(openDatabase<Tables>(url, [notes])).rejects.toMatchObject({
      code: 'storage.database-newer',
      kind: 'conflict',
      details: { unknown: ['002-notes-stars'] },
    })
  })

  test('is refused, and nothing added to it, when it is that of another program', async (context) => {
    const url = await kind.emptyUrl(context)
    await outside(url, 'create table theirs (id integer)')
    await expect(openDatabase<Tables>(url, [notes])).rejects.toMatchObject({
      code: 'storage.database-foreign',
      kind: 'conflict',
    })
    await expect(outside(url, 'select * from sallyport_migrations')).rejects.toThrow(/sallyport_migrations/)
  })

  test('is as before when a step fails, even if the step before it did not', async (context) => {
    const url = await kind.emptyUrl(context)
    await (await openDatabase<Tables>(url, [notes])).close()
    await expect(openDatabase<Tables>(url, [notes, stars, broken])).rejects.toMatchObject({
      code: 'storage.migration-failed',
      details: { migration: '003-notes-broken' },
    })
    await outside(url, 'create table half (id integer)')
    await expect(outside(url, 'select stars from notes')).rejects.toThrow(/stars/)
  })

  test('is made once when two processes start at the same moment', async (context) => {
    const url = await kind.emptyUrl(context)
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase<Tables>(url, [notes, stars])))
    for (const database of opened) {
      context.onTestFinished(() => database.close())
      expect(await database.kysely.selectFrom('notes').selectAll().execute()).toEqual([])
    }
  })

  test.for(['boolean', 'varchar', 'timestamp', 'json', 'real'] as const)(
    'takes no %s column, which the databases do not share',
    async (type, context) => {
      const odd: Migration = {
        name: '001-odd-column',
        async up({ schema }) {
          await schema.createTable('odd').addColumn('value', type).execute()
        },
      }
      await expect(openDatabase(await kind.emptyUrl(context), [odd])).rejects.toMatchObject({
        code: 'storage.migration-failed',
        details: { code: 'storage.migration-not-portable' },
      })
    },
  )
})

test.for([['first'], ['1-x'], ['001-'], ['001-A'], ['001_x'], ['001-x', '001-x']])(
  'migrations named %j are refused',
  async (names, context) => {
    const [sqlite] = DATABASES
    const migrations = names.map((name) => ({ name, up: async () => {} }))
    await expect(sqlite?.open(context, migrations)).rejects.toMatchObject({
      code: 'storage.migration-name-invalid',
    })
  },
)
