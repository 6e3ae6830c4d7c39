import {
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Child } from '../../../../test/support/child.ts'
import { type RowTables, rowMigrations } from '../../../../test/support/children/insert-rows.ts'
import { scratchFolder } from '../../../../test/support/scratch.ts'
import { type Database, openDatabase } from '../index.ts'

let folder: string
let path: string
const open = () => openDatabase<RowTables>(`sqlite:${path}`, rowMigrations, { busyTimeoutMs: 50 })

let template: string
beforeAll(async () => {
  template = scratchFolder('template')
  path = join(template, 'records.db')
  const database = await open()
  await fill(database, 1500)
  await database.close()
})
afterAll(() => rmSync(template, { recursive: true }))

beforeEach(() => {
  folder = scratchFolder('sqlite')
  path = join(folder, 'records.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

async function fill(database: Database<RowTables>, count: number): Promise<void> {
  await database.transaction(async (transaction) => {
    for (let number = 1; number <= count; number++) {
      await transaction
        .insertInto('rows')
        .values({ number, text: `row ${number} `.repeat(20) })
        .execute()
    }
  })
}

/** Puts a healthy, closed database of about 100 pages in place. */
const makeRecords = () => copyFileSync(join(template, 'records.db'), path)

describe('a SQLite database', () => {
  test('syncs every commit, keeps a write-ahead log and checks foreign keys', async () => {
    const database = await open()
    const pragma = async (name: string) => {
      const { rows } = await sql<Record<string, unknown>>`${sql.raw(`pragma ${name}`)}`.execute(
        database.kysely,
      )
      return Object.values(rows[0] ?? {})[0]
    }
    expect(await pragma('journal_mode')).toBe('wal')
    expect(await pragma('synchronous')).toBe(2)
    expect(await pragma('foreign_keys')).toBe(1)
    await database.close()
  })

  test('can be read by its owner only', async () => {
    const database = await open()
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    await database.close()
  })

  test('leaves one file when it is closed', async () => {
    const database = await open()
    await fill(database, 10)
    expect(readdirSync(folder)).toContain('records.db-wal')
    await database.close()
    expect(readdirSync(folder)).toEqual(['records.db'])
  })

  test('does not stall the event loop while it waits for another process', async () => {
    makeRecords()
    const database = await open()
    const other = new DatabaseSync(path)
    other.exec('begin immediate')
    const insert = database.kysely.insertInto('rows').values({ number: 9999, text: '' }).execute()
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    await expect(insert).rejects.toMatchObject({ code: 'storage.database-locked', kind: 'unavailable' })
    clearInterval(ticking)
    other.close()
    await database.close()
    expect(turns).toBeGreaterThan(3)
  })
})

describe('a file that is no sound database of ours', () => {
  const refusesUnchanged = async (code: string) => {
    const before = readFileSync(path)
    await expect(open()).rejects.toMatchObject({ code, details: { path } })
    expect(readFileSync(path).equals(before)).toBe(true)
  }

  test('is left as it was when it belongs to another program', async () => {
    const other = new DatabaseSync(path)
    other.exec('create table notes (text)')
    other.close()
    const before = readFileSync(path)
    await expect(open()).rejects.toMatchObject({ code: 'storage.database-foreign', kind: 'conflict' })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('is left as it was when it bears the mark of another program', async () => {
    const other = new DatabaseSync(path)
    other.exec('pragma application_id = 1')
    other.close()
    await expect(open()).rejects.toMatchObject({ code: 'storage.database-foreign' })
  })

  test('is left as it was when it is no database at all', async () => {
    writeFileSync(path, 'Dear diary,\n'.repeat(100))
    await refusesUnchanged('storage.database-corrupt')
  })

  test('is corrupt when its end is missing', async () => {
    makeRecords()
    truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096)
    await refusesUnchanged('storage.database-corrupt')
  })

  test.each([1, 2, 10, 50])('is corrupt when page %i was overwritten', async (page) => {
    makeRecords()
    const bytes = readFileSync(path)
    bytes.fill(0xa5, (page - 1) * 4096, page * 4096)
    writeFileSync(path, bytes)
    await refusesUnchanged('storage.database-corrupt')
  })

  test('says what to do about it', async () => {
    writeFileSync(path, 'x'.repeat(5000))
    await expect(open()).rejects.toMatchObject({
      message: expect.stringContaining(path),
      remedy: expect.stringContaining('backup'),
    })
  })

  test('is found corrupt by the statement that meets the damage, when that came after opening', async () => {
    makeRecords()
    const database = await open()
    await sql`pragma shrink_memory`.execute(database.kysely)
    const bytes = readFileSync(path)
    bytes.fill(0xa5, 4096)
    writeFileSync(path, bytes)
    const reading = database.kysely.selectFrom('rows').select('number').execute()
    await expect(reading).rejects.toMatchObject({ code: 'storage.database-corrupt' })
    await database.close().catch(() => {})
  })

  test('is unavailable when its folder is missing or it is a folder', async () => {
    await expect(openDatabase(`sqlite:${folder}/none/records.db`, [])).rejects.toMatchObject({
      code: 'storage.database-unavailable',
    })
    await expect(openDatabase(`sqlite:${folder}`, [])).rejects.toMatchObject({
      code: 'storage.database-unavailable',
    })
  })
})

describe('when there is no room', () => {
  test('a change is refused, and what was there stays and can be read', async () => {
    makeRecords()
    const database = await open()
    await sql`pragma max_page_count = 1`.execute(database.kysely)
    const work = database.transaction(async (transaction) => {
      for (let number = 2000; number < 4000; number++) {
        await transaction
          .insertInto('rows')
          .values({ number, text: 'x'.repeat(2000) })
          .execute()
      }
    })
    await expect(work).rejects.toMatchObject({ code: 'storage.disk-full', kind: 'unavailable' })
    const { count } = await database.kysely
      .selectFrom('rows')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    expect(count).toBe(1500)
    await database.close()
  })

  test('every acknowledged row is there afterwards', async () => {
    makeRecords()
    const child = Child.start('insert-rows.ts', [`sqlite:${path}`], { fileLimitKiB: 1024 })
    const lines = await child.rest()
    expect(lines.pop()).toMatch(/^storage\.disk-f(?:ull|ailed)$/)
    const database = await open()
    const last = await database.kysely
      .selectFrom('rows')
      .select(({ fn }) => fn.max('number').as('number'))
      .executeTakeFirstOrThrow()
    expect(lines.length).toBeGreaterThan(10)
    expect(last.number).toBeGreaterThanOrEqual(Number(lines.at(-1)))
    await database.close()
  })
})

test('a copy that was taken while it was open, with its log, opens with every committed row', async () => {
  const database = await open()
  await fill(database, 10)
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('-shm'))
      copyFileSync(join(folder, name), join(folder, name.replace('records', 'copy')))
  }
  await database.close()
  path = join(folder, 'copy.db')
  const copy = await open()
  expect(await copy.kysely.selectFrom('rows').select('number').execute()).toHaveLength(10)
  await copy.close()
})
