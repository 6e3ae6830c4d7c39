import { SallyportError } from '../../../core/index.ts'
import {
  type Constraint,
  constraintViolated,
  foreignDatabase,
  integerTooLarge,
  queryFailed,
} from '../errors.ts'
import type { SqliteFailure } from './sqlite-protocol.ts'

// Primary result codes, the low byte of an extended one: https://www.sqlite.org/rescode.html
const BUSY = 5
const LOCKED = 6
const READ_ONLY = 8
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const CONSTRAINT = 19
const NOT_A_DATABASE = 26

const CONSTRAINTS: Readonly<Record<number, Constraint>> = {
  275: 'check',
  787: 'foreign-key',
  1299: 'not-null',
  1555: 'unique', // a primary key; PostgreSQL does not tell them apart
  2067: 'unique',
  2579: 'unique', // a row id
  3091: 'type',
}

/** What went wrong in the thread of the database at `path`, typed. */
export function sqliteError(failure: SqliteFailure, path: string): SallyportError {
  switch (failure.kind) {
    case 'sqlite':
      return fromResultCode(failure.resultCode, failure.message, path)
    case 'file':
      return fromErrno(failure.errno, path)
    case 'foreign':
      return foreignDatabase(path)
    case 'unsuitable':
      return new SallyportError('storage.disk-unsuitable', `SQLite cannot keep its log beside ${path}`, {
        kind: 'conflict',
        remedy: 'put the state folder on a local disk; network file systems lack what it needs',
        details: { path },
      })
    case 'damaged':
      return corrupt(path)
    case 'integer-too-large':
      return integerTooLarge()
    case 'defect':
      return queryFailed({ path }, new Error(failure.message))
  }
}

function fromResultCode(resultCode: number, message: string, path: string): SallyportError {
  const cause = new Error(`SQLite: ${message} (${resultCode})`)
  const details = { path, resultCode }
  switch (resultCode & 0xff) {
    case CONSTRAINT:
      return constraintViolated(CONSTRAINTS[resultCode] ?? 'other', cause)
    case BUSY:
    case LOCKED:
      return new SallyportError('storage.database-locked', `another process is using ${path}`, {
        kind: 'unavailable',
        remedy: 'end what holds it, such as a backup or a database shell, and try again',
        details,
        cause,
      })
    case CORRUPT:
    case NOT_A_DATABASE:
      return corrupt(path, cause)
    case FULL:
      return diskFull(path, cause)
    case IO_ERROR:
      return new SallyportError('storage.disk-failed', `${path} could not be read or written`, {
        kind: 'unavailable',
        remedy: 'look at the disk, its free space and the file size limit of the process',
        details,
        cause,
      })
    case READ_ONLY:
    case CANNOT_OPEN:
      return unavailable(path, cause)
    default:
      return queryFailed(details, cause)
  }
}

function fromErrno(errno: string, path: string): SallyportError {
  const cause = new Error(errno)
  return errno === 'ENOSPC' || errno === 'EDQUOT' ? diskFull(path, cause) : unavailable(path, cause)
}

function corrupt(path: string, cause?: unknown): SallyportError {
  return new SallyportError('storage.database-corrupt', `${path} is damaged or is no SQLite database`, {
    kind: 'internal',
    remedy:
      'stop Sallyport, keep a copy of the file with its -wal, restore it from a backup; the transparency log stands apart and still proves what happened',
    details: { path },
    cause,
  })
}

function diskFull(path: string, cause: unknown): SallyportError {
  return new SallyportError('storage.disk-full', `there is no space left for ${path}`, {
    kind: 'unavailable',
    remedy: 'free space on that disk; what was acknowledged is safe, the change was not made',
    details: { path },
    cause,
  })
}

function unavailable(path: string, cause: unknown): SallyportError {
  return new SallyportError('storage.database-unavailable', `${path} cannot be opened for writing`, {
    kind: 'unavailable',
    remedy: 'see that its folder exists and that this user may write there',
    details: { path },
    cause,
  })
}
