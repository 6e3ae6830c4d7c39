import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { SqlValue } from '../parameters.ts'
import { FileRefusal, openFile } from './sqlite-file.ts'
import type {
  SqliteFailure,
  StatementResult,
  WorkerOptions,
  WorkerReply,
  WorkerRequest,
} from './sqlite-protocol.ts'

/** The thread that holds the database, so that a commit waiting for the disk never stalls the event loop. */

interface Prepared {
  readonly statement: StatementSync
  readonly givesRows: boolean
}

const CACHED_STATEMENTS = 200
const cache = new Map<string, Prepared>()

function prepare(database: DatabaseSync, sql: string): Prepared {
  const known = cache.get(sql)
  if (known !== undefined) {
    cache.delete(sql)
    cache.set(sql, known)
    return known
  }
  const statement = database.prepare(sql)
  const prepared = { statement, givesRows: statement.columns().length > 0 }
  cache.set(sql, prepared)
  if (cache.size > CACHED_STATEMENTS) {
    for (const leastRecent of cache.keys()) {
      cache.delete(leastRecent)
      break
    }
  }
  return prepared
}

function run(database: DatabaseSync, sql: string, parameters: readonly SqlValue[]): StatementResult {
  const { statement, givesRows } = prepare(database, sql)
  // A JavaScript number would be bound as a floating-point value.
  const values = parameters.map((value) => (Number.isSafeInteger(value) ? BigInt(Number(value)) : value))
  if (givesRows) return { rows: statement.all(...values) }
  const { changes, lastInsertRowid } = statement.run(...values)
  return { rows: [], changes: BigInt(changes), insertId: BigInt(lastInsertRowid) }
}

function toFailure(thrown: unknown): SqliteFailure {
  if (thrown instanceof FileRefusal) return { kind: thrown.reason }
  if (!(thrown instanceof Error)) return { kind: 'defect', message: 'something that is no error was thrown' }
  const code = 'code' in thrown ? thrown.code : undefined
  if (code === 'ERR_SQLITE_ERROR' && 'errcode' in thrown && typeof thrown.errcode === 'number') {
    return { kind: 'sqlite', resultCode: thrown.errcode, message: thrown.message }
  }
  // The text of this one holds the value.
  if (code === 'ERR_OUT_OF_RANGE') return { kind: 'integer-too-large' }
  if ('errno' in thrown && typeof code === 'string') return { kind: 'file', errno: code }
  return { kind: 'defect', message: thrown.message }
}

function serve(port: NonNullable<typeof parentPort>, options: WorkerOptions): void {
  const reply = (message: WorkerReply) => port.postMessage(message)
  let database: DatabaseSync
  try {
    database = openFile(options)
  } catch (thrown) {
    reply({ id: 0, failure: toFailure(thrown) })
    return
  }
  reply({ id: 0, result: { rows: [] } })
  port.on('message', (request: WorkerRequest) => {
    try {
      if (request.kind === 'query') {
        reply({ id: request.id, result: run(database, request.sql, request.parameters) })
        return
      }
      cache.clear()
      database.close()
      reply({ id: request.id, result: { rows: [] } })
      port.close()
    } catch (thrown) {
      reply({ id: request.id, failure: toFailure(thrown) })
    }
  })
}

if (parentPort !== null) serve(parentPort, workerData)
