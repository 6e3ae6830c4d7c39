import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { type Clock, SallyportError, systemClock, toTimestamp } from '../core/index.ts'

/** Ownership of a state folder; ends with `release` or, whatever happens, with the process. */
export interface StateLock {
  release(): void
}

/**
 * Takes the state folder for this process alone. The lock is a file lock that SQLite holds on `lock`, so the kernel gives
 * it back when the process dies in any way. Do not open that file by other means: closing any descriptor of a file
 * drops all locks that the process has on it (POSIX, fcntl).
 *
 * @param directory the state folder; it exists.
 * @param holder what others are told runs here, such as `sallyport serve`.
 * @throws SallyportError `storage.state-locked` (its details name the process), `storage.state-lock-damaged`,
 *   `storage.state-folder-unusable`.
 */
export async function acquireStateLock(
  directory: string,
  holder: string,
  clock: Clock = systemClock,
): Promise<StateLock> {
  const path = join(resolve(directory), 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // Once taken, the lock is kept after the commit.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    database.exec('CREATE TABLE IF NOT EXISTS holder (pid INTEGER, name TEXT, host TEXT, since INTEGER)')
    database.exec('DELETE FROM holder')
    database
      .prepare('INSERT INTO holder VALUES (?, ?, ?, ?)')
      .run(process.pid, holder, hostname(), clock.now())
    database.exec('COMMIT')
    const held = database
    return {
      release: () => {
        if (held.isOpen) held.close()
      },
    }
  } catch (thrown) {
    database?.close()
    throw toLockError(thrown, path)
  }
}

function toLockError(thrown: unknown, path: string): SallyportError {
  const resultCode = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) & 0xff : 0
  const directory = resolve(path, '..')
  // SQLITE_BUSY, SQLITE_LOCKED
  if (resultCode === 5 || resultCode === 6) return stateLocked(directory, readHolder(path))
  // SQLITE_CORRUPT, SQLITE_NOTADB
  if (resultCode === 11 || resultCode === 26) {
    return new SallyportError('storage.state-lock-damaged', `${path} is not the lock of a state folder`, {
      kind: 'conflict',
      remedy: 'make sure that no Sallyport runs on this folder, then delete the file; it holds no records',
      details: { path },
    })
  }
  return new SallyportError('storage.state-folder-unusable', `${directory} cannot be locked`, {
    kind: 'unavailable',
    remedy: 'see that the folder exists, that this user may write there and that its disk has space',
    details: { directory },
    cause: thrown,
  })
}

interface Holder {
  readonly pid: number
  readonly name: string
  readonly host: string
  readonly since: number
}

function stateLocked(directory: string, holder: Holder | undefined): SallyportError {
  const who =
    holder === undefined
      ? 'another process'
      : `${holder.name} (process ${holder.pid} on ${holder.host}, since ${toTimestamp(holder.since)})`
  return new SallyportError('storage.state-locked', `the state folder ${directory} is in use by ${who}`, {
    kind: 'conflict',
    remedy: 'stop that process, or name another state folder with --state',
    details: { directory, ...holder },
  })
}

/** Reads past the lock (https://www.sqlite.org/uri.html, immutable): the holder wrote once and never does again. */
function readHolder(path: string): Holder | undefined {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  try {
    const database = new DatabaseSync(url, { readOnly: true })
    try {
      const { pid, name, host, since } = database.prepare('SELECT * FROM holder').get() ?? {}
      if (typeof pid !== 'number' || typeof name !== 'string' || typeof host !== 'string') return undefined
      return typeof since === 'number' ? { pid, name, host, since } : undefined
    } finally {
      database.close()
    }
  } catch {
    // It is writing this very moment: the lock is taken, by whom is not known yet.
    return undefined
  }
}
