import { closeSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { WorkerOptions } from './sqlite-protocol.ts'

/** `SLYP`: marks a file as ours, where `file(1)` finds it too (https://www.sqlite.org/fileformat.html, offset 68). */
export const APPLICATION_ID = 0x534c5950

/** Up to here the structure of the whole file is checked at every start: about 15 ms. */
const ALWAYS_CHECKED_BYTES = 8 * 1024 * 1024
/** Up to here it is checked after a crash. Beyond, damage is found when a statement meets it. */
const CHECKED_AFTER_CRASH_BYTES = 256 * 1024 * 1024

export class FileRefusal extends Error {
  readonly reason: 'foreign' | 'unsuitable' | 'damaged'
  constructor(reason: 'foreign' | 'unsuitable' | 'damaged') {
    super(reason)
    this.reason = reason
  }
}

/**
 * Opens the file so that an acknowledged commit survives a power cut, after making sure that it is ours: a foreign
 * database is left exactly as it was.
 */
export function openFile({ path, busyTimeoutMs }: WorkerOptions): DatabaseSync {
  // SQLite would make it readable for everybody; its -wal and -shm inherit the mode.
  closeSync(openSync(path, 'a', 0o600))
  // A clean close removes the log; one with content was left by a crash.
  const wasInterrupted = sizeOf(`${path}-wal`) > 0
  const database = new DatabaseSync(path, {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    defensive: true,
  })
  try {
    refuseForeign(database)
    configure(database)
    checkStructure(database, path, wasInterrupted)
    return database
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

function refuseForeign(database: DatabaseSync): void {
  const applicationId = database.prepare('PRAGMA application_id').get()?.['application_id']
  if (applicationId === APPLICATION_ID) return
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  if (applicationId !== 0 || !isEmpty) throw new FileRefusal('foreign')
}

function configure(database: DatabaseSync): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') throw new FileRefusal('unsuitable')
  database.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF;
  `)
  if (database.prepare('PRAGMA application_id').get()?.['application_id'] === 0) {
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  }
}

function checkStructure(database: DatabaseSync, path: string, wasInterrupted: boolean): void {
  const limitBytes = wasInterrupted ? CHECKED_AFTER_CRASH_BYTES : ALWAYS_CHECKED_BYTES
  if (sizeOf(path) > limitBytes) return
  const verdict = database.prepare('PRAGMA quick_check(1)').get()
  if (verdict === undefined || !Object.values(verdict).includes('ok')) throw new FileRefusal('damaged')
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
