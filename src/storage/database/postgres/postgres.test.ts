import { inspect } from 'node:util'
import { sql } from 'kysely'
import { expect, type TestContext, test } from 'vitest'
import { DATABASES } from '../../../../test/support/databases.ts'
import { openDatabase } from '../index.ts'

async function emptyUrl(context: TestContext): Promise<string> {
  const postgres = DATABASES.find(({ dialect }) => dialect === 'postgres')
  if (postgres === undefined) throw new Error('there is no PostgreSQL among the databases')
  return postgres.emptyUrl(context)
}

const killOthers = sql<{ killed: boolean }>`
  select pg_terminate_backend(pid) as killed from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`

test('a PostgreSQL that may forget what it acknowledged is refused', async (context) => {
  const url = await emptyUrl(context)
  const first = await openDatabase(url, [])
  const name = new URL(url).pathname.slice(1)
  await sql`alter database ${sql.id(name)} set synchronous_commit = off`.execute(first.kysely)
  await first.close()
  await expect(openDatabase(url, [])).rejects.toMatchObject({
    code: 'storage.database-not-durable',
    kind: 'conflict',
    details: { settings: ['synchronous_commit'] },
  })
})

test('connections that the server has closed are replaced', async (context) => {
  const url = await emptyUrl(context)
  const database = await openDatabase(url, [])
  context.onTestFinished(() => database.close())
  const other = await openDatabase(url, [])
  context.onTestFinished(() => other.close())
  const { rows } = await killOthers.execute(other.kysely)
  expect(rows).toContainEqual({ killed: true })
  await expect
    .poll(async () => (await sql`select 1 as one`.execute(database.kysely)).rows)
    .toEqual([{ one: 1 }])
})

test('a query that loses its connection is unavailable', async (context) => {
  const url = await emptyUrl(context)
  const database = await openDatabase(url, [])
  context.onTestFinished(() => database.close())
  const other = await openDatabase(url, [])
  context.onTestFinished(() => other.close())
  const sleeping = expect(sql`select pg_sleep(30)`.execute(database.kysely)).rejects.toMatchObject({
    code: 'storage.database-unavailable',
    kind: 'unavailable',
  })
  await expect.poll(async () => (await killOthers.execute(other.kysely)).rows.length).toBeGreaterThan(0)
  await sleeping
})

test('a wrong password is said to be one, and not repeated', async (context) => {
  const url = new URL(await emptyUrl(context))
  url.password = 'hunter2'
  const error: unknown = await openDatabase(url.href, []).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'storage.database-unavailable',
    message: expect.stringContaining('let us in'),
  })
  expect(inspect(error, { depth: 10 })).not.toContain('hunter2')
})
