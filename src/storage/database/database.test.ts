import { AsyncResource } from 'node:async_hooks'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { DATABASES } from '../../../test/support/databases.ts'
import type { SallyportError } from '../../core/index.ts'
import { type Database, openDatabase } from './database.ts'
import type { Migration } from './migration.ts'

interface Tables {
  readonly shelves: { readonly id: number; readonly label: string }
  readonly books: {
    readonly id: number
    readonly title: string
    readonly shelf: number
    readonly cover: Uint8Array | null
    readonly printed_at: number | null
  }
}

const migrations: readonly Migration[] = [
  {
    name: '001-library-books',
    async up({ schema }) {
      await schema
        .createTable('shelves')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('label', 'text', (column) => column.notNull().unique())
        .execute()
      await schema
        .createTable('books')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('title', 'text', (column) => column.notNull())
        .addColumn('shelf', 'integer', (column) => column.notNull().references('shelves.id'))
        .addColumn('cover', 'blob')
        .addColumn('printed_at', 'integer')
        .execute()
    },
  },
]

const book = { id: 1, title: 'Walden', shelf: 1, cover: null, printed_at: null }

async function withShelf(database: Database<Tables>): Promise<Database<Tables>> {
  await database.kysely.insertInto('shelves').values({ id: 1, label: 'oak' }).execute()
  return database
}

const titles = async (database: Database<Tables>) =>
  (await database.kysely.selectFrom('books').select('title').orderBy('id').execute()).map((row) => row.title)

async function refusal(work: Promise<unknown>): Promise<SallyportError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toMatchObject({ name: 'SallyportError' })
  return thrown as SallyportError
}

describe.each(DATABASES)('records on $dialect', (kind) => {
  test('give back integers, text, bytes and nulls as they were put', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    const printed = { ...book, title: 'Æther 🗝 "\'', cover: new Uint8Array([0, 1, 254, 255]) }
    const row = { ...printed, printed_at: Number.MAX_SAFE_INTEGER }
    await database.kysely.insertInto('books').values(row).execute()
    expect(await database.kysely.selectFrom('books').selectAll().execute()).toStrictEqual([row])
  })

  test('keep an empty blob apart from null', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    await database.kysely
      .insertInto('books')
      .values({ ...book, cover: new Uint8Array() })
      .execute()
    const found = await database.kysely.selectFrom('books').select('cover').executeTakeFirstOrThrow()
    expect(found.cover).toStrictEqual(new Uint8Array())
  })

  test('sort text by its code points', async (context) => {
    const database = await kind.open<Tables>(context, migrations)
    const labels = ['b', 'A', 'a', 'B', 'é', '_', 'Z']
    const rows = labels.map((label, id) => ({ id, label }))
    await database.kysely.insertInto('shelves').values(rows).execute()
    const sorted = await database.kysely.selectFrom('shelves').select('label').orderBy('label').execute()
    expect(sorted.map(({ label }) => label)).toEqual(['A', 'B', 'Z', '_', 'a', 'b', 'é'])
  })

  test('count the rows that a statement changed, and give what it returns', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    const inserted = await database.kysely.insertInto('books').values(book).returning('title').execute()
    expect(inserted).toStrictEqual([{ title: 'Walden' }])
    const change = database.kysely.updateTable('books').set({ title: 'Maine Woods' }).where('id', '<=', 1)
    expect((await change.executeTakeFirst()).numUpdatedRows).toBe(1n)
  })

  test('refuse a row that a constraint forbids, as a conflict that names the kind of constraint', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    const shelf = (row: Tables['shelves']) => database.kysely.insertInto('shelves').values(row).execute()
    const insert = (row: object) =>
      database.kysely
        .insertInto('books')
        .values({ ...book, ...row })
        .execute()
    const refusals = [
      ['unique', await refusal(shelf({ id: 2, label: 'oak' }))],
      ['unique', await refusal(shelf({ id: 1, label: 'elm' }))],
      ['foreign-key', await refusal(insert({ shelf: 9 }))],
      ['not-null', await refusal(insert({ title: null }))],
      ['type', await refusal(insert({ printed_at: 'yesterday' }))],
    ] as const
    for (const [constraint, error] of refusals) {
      expect(error).toMatchObject({ code: 'storage.constraint-violated', kind: 'conflict' })
      expect(error.details['constraint']).toBe(constraint)
    }
  })

  test('refuse a parameter that the databases would not store alike', async (context) => {
    const database = await kind.open<Tables>(context, migrations)
    const values = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      2n ** 53n,
      true,
      new Date(0),
      undefined,
      'a\0b',
      '\ud800',
    ]
    for (const value of values) {
      const query = sql`select * from books where title = ${value}`.execute(database.kysely)
      expect((await refusal(query)).code).toBe('storage.parameter-invalid')
    }
  })

  test('say so when a stored integer is beyond 2^53, and stay usable', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    await database.kysely
      .insertInto('books')
      .values({ ...book, printed_at: Number.MAX_SAFE_INTEGER })
      .execute()
    await sql`update books set printed_at = printed_at + 1`.execute(database.kysely)
    const reading = database.kysely.selectFrom('books').select('printed_at').execute()
    expect((await refusal(reading)).code).toBe('storage.integer-too-large')
    expect(await titles(database)).toEqual(['Walden'])
  })

  test('type a statement that the database does not understand', async (context) => {
    const database = await kind.open<Tables>(context, migrations)
    const query = sql`select from where`.execute(database.kysely)
    expect((await refusal(query)).code).toBe('storage.query-failed')
  })

  test('never repeat a value of a row in an error', async (context) => {
    const database = await withShelf(await kind.open<Tables>(context, migrations))
    const secret = { id: 7, label: 'canary-5e1f' }
    await database.kysely.insertInto('shelves').values(secret).execute()
    const errors = [
      await refusal(
        database.kysely
          .insertInto('shelves')
          .values({ ...secret, id: 8 })
          .execute(),
      ),
      await refusal(
        database.kysely
          .insertInto('books')
          .values({ ...book, id: 'canary-5e1f' as unknown as number })
          .execute(),
      ),
      await refusal(
        database.kysely.insertInto('shelves').values({ id: 9, label: 'canary-5e1f\0' }).execute(),
      ),
    ]
    for (const error of errors) {
      expect(inspect(error, { depth: 10 })).not.toContain('canary-5e1f')
    }
  })

  describe('in a transaction', () => {
    test('are all there after it, or none', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      await database.transaction(async (transaction) => {
        await transaction.insertInto('books').values(book).execute()
      })
      const failing = database.transaction(async (transaction) => {
        await transaction
          .insertInto('books')
          .values({ ...book, id: 2, title: 'Lost' })
          .execute()
        throw new Error('changed my mind')
      })
      await expect(failing).rejects.toThrow('changed my mind')
      expect(await titles(database)).toEqual(['Walden'])
    })

    test('are not seen outside before it ends', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      let seen: Promise<string[]> | undefined
      const outside = AsyncResource.bind(() => titles(database))
      await database.transaction(async (transaction) => {
        await transaction.insertInto('books').values(book).execute()
        seen = outside()
        await new Promise((resolve) => setTimeout(resolve, 20))
        await transaction
          .insertInto('books')
          .values({ ...book, id: 2, title: 'Cape Cod' })
          .execute()
      })
      expect([[], ['Walden', 'Cape Cod']]).toContainEqual(await seen)
    })

    test('are refused after a statement that failed', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      const failing = database.transaction(async (transaction) => {
        await transaction.insertInto('books').values(book).execute()
        await transaction
          .insertInto('books')
          .values(book)
          .execute()
          .catch(() => {})
        await transaction
          .insertInto('books')
          .values({ ...book, id: 2 })
          .execute()
      })
      expect((await refusal(failing)).code).toBe('storage.transaction-aborted')
      expect(await titles(database)).toEqual([])
    })

    test('are not kept when a failed statement was ignored and nothing followed', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      const failing = database.transaction(async (transaction) => {
        await transaction.insertInto('books').values(book).execute()
        await transaction
          .insertInto('books')
          .values(book)
          .execute()
          .catch(() => {})
      })
      await expect(failing).rejects.toThrow()
      expect(await titles(database)).toEqual([])
    })

    test('cannot be queried past it, which would wait forever', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      const failing = database.transaction(async () => titles(database))
      expect((await refusal(failing)).code).toBe('storage.nested-query')
      expect(await titles(database)).toEqual([])
    })

    test('can be queried by what it left running, once it has ended', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      let later: Promise<string[]> | undefined
      await database.transaction(async (transaction) => {
        later = ended.then(() => titles(database))
        await transaction.insertInto('books').values(book).execute()
      })
      end()
      expect(await later).toEqual(['Walden'])
    })

    test('count right when many change the same row at once', async (context) => {
      const database = await withShelf(await kind.open<Tables>(context, migrations))
      await database.kysely
        .insertInto('books')
        .values({ ...book, printed_at: 0 })
        .execute()
      const increment = () =>
        database.transaction(async (transaction) => {
          const { printed_at } = await transaction
            .selectFrom('books')
            .select('printed_at')
            .where('id', '=', 1)
            .executeTakeFirstOrThrow()
          await transaction
            .updateTable('books')
            .set({ printed_at: Number(printed_at) + 1 })
            .where('id', '=', 1)
            .execute()
        })
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, increment))
      const counted = outcomes.filter(({ status }) => status === 'fulfilled').length
      const found = await database.kysely.selectFrom('books').select('printed_at').executeTakeFirstOrThrow()
      expect(found.printed_at).toBe(counted)
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('storage.transaction-conflict')
      }
      expect(counted).toBeGreaterThan(0)
    })
  })

  test('are still there when the database is opened again', async (context) => {
    const url = await kind.emptyUrl(context)
    const first = await withShelf(await openDatabase<Tables>(url, migrations))
    await first.kysely.insertInto('books').values(book).execute()
    await first.close()
    const second = await openDatabase<Tables>(url, migrations)
    context.onTestFinished(() => second.close())
    expect(await titles(second)).toEqual(['Walden'])
  })
})

test.each(['records.db', 'sqlite:', 'mysql://root@host/db', 'postgres://user:hunter2@[host/db'])(
  'a database URL such as %s is refused without being repeated',
  async (url) => {
    const error = await refusal(openDatabase(url, []))
    expect(error).toMatchObject({ code: 'storage.database-url-invalid', kind: 'invalid' })
    expect(error.message).not.toContain('hunter2')
  },
)

test('a PostgreSQL that cannot be reached is unavailable, and the password is not in the error', async () => {
  const error = await refusal(openDatabase('postgres://user:hunter2@127.0.0.1:1/db', []))
  expect(error).toMatchObject({ code: 'storage.database-unavailable', kind: 'unavailable' })
  expect(inspect(error, { depth: 10 })).not.toContain('hunter2')
})
