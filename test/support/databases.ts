import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Client } from 'pg'
import { inject, type TestContext } from 'vitest'
import { z } from 'zod'
import {
  type Database,
  type Migration,
  type OpenDatabaseOptions,
  openDatabase,
} from '../../src/storage/index.ts'
import { scratchFolder } from './scratch.ts'

/** One of the databases that records can be kept in, for `describe.each(DATABASES)('… on $dialect', …)`. */
export interface TestDatabase {
  readonly dialect: 'sqlite' | 'postgres'
  /** The URL of an empty database that lasts as long as the test. Skips the test, saying why, where none can be had. */
  emptyUrl(context: TestContext): Promise<string>
  /** An empty database with these migrations, closed and removed after the test. */
  open<Tables>(
    context: TestContext,
    migrations: readonly Migration[],
    options?: OpenDatabaseOptions,
  ): Promise<Database<Tables>>
}

const sqlite: TestDatabase = {
  dialect: 'sqlite',
  async emptyUrl(context) {
    const folder = scratchFolder('records')
    context.onTestFinished(() => rmSync(folder, { recursive: true }))
    return `sqlite:${join(folder, 'records.db')}`
  },
  open: (context, migrations, options) => openEmpty(sqlite, context, migrations, options),
}

const postgres: TestDatabase = {
  dialect: 'postgres',
  async emptyUrl(context) {
    const answer = await askBroker()
    if ('missing' in answer) return context.skip(answer.missing)
    if ('failure' in answer) throw new Error(answer.failure)
    const name = `test_${randomBytes(8).toString('hex')}`
    await administer(answer.url, `create database ${name}`)
    context.onTestFinished(() => administer(answer.url, `drop database ${name} with (force)`))
    const url = new URL(answer.url)
    url.pathname = `/${name}`
    return url.href
  },
  open: (context, migrations, options) => openEmpty(postgres, context, migrations, options),
}

export const DATABASES: readonly TestDatabase[] = [sqlite, postgres]

async function openEmpty<Tables>(
  kind: TestDatabase,
  context: TestContext,
  migrations: readonly Migration[],
  options: OpenDatabaseOptions = {},
): Promise<Database<Tables>> {
  const database = await openDatabase<Tables>(await kind.emptyUrl(context), migrations, options)
  context.onTestFinished(() => database.close())
  return database
}

const Answer = z.union([
  z.object({ url: z.url() }),
  z.object({ missing: z.string() }),
  z.object({ failure: z.string() }),
])

async function askBroker(): Promise<z.infer<typeof Answer>> {
  return Answer.parse(JSON.parse(await text(connect(inject('postgresBroker')))))
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
