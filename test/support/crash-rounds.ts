import { setTimeout } from 'node:timers/promises'
import { openDatabase } from '../../src/storage/index.ts'
import { Child } from './child.ts'
import { type RowTables, rowMigrations } from './children/insert-rows.ts'

export interface CrashReport {
  readonly acknowledged: number
  /** Rows that were acknowledged and are not there. */
  readonly lost: readonly number[]
  /** Rows that are there beyond the one that may have been on its way in every round. */
  readonly unexplained: readonly number[]
}

/** Kills a process that inserts rows, at a moment of its own in every round, and looks for what it had acknowledged. */
export async function crashRounds(url: string, rounds: number): Promise<CrashReport> {
  const acknowledged = new Set<number>()
  for (let round = 0; round < rounds; round++) {
    const child = Child.start('insert-rows.ts', [url])
    const first = await child.line()
    if (first !== undefined) acknowledged.add(Number(first))
    await setTimeout(Math.random() * 80)
    await child.kill()
    for (const line of await child.rest()) acknowledged.add(Number(line))
  }
  const database = await openDatabase<RowTables>(url, rowMigrations)
  const rows = await database.kysely.selectFrom('rows').select('number').orderBy('number').execute()
  await database.close()
  const found = rows.map(({ number }) => number)
  const unacknowledged = found.filter((number) => !acknowledged.has(number))
  return {
    acknowledged: acknowledged.size,
    lost: [...acknowledged].filter((number) => !found.includes(number)),
    // In every round at most one row was committed and not yet acknowledged.
    unexplained: unacknowledged.length > rounds ? unacknowledged : [],
  }
}
