import { SallyportError } from '../../../core/index.ts'
import { type Constraint, constraintViolated, queryFailed, transactionAborted } from '../errors.ts'

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const CONSTRAINTS: Readonly<Record<string, Constraint>> = {
  '23001': 'foreign-key',
  '23502': 'not-null',
  '23503': 'foreign-key',
  '23505': 'unique',
  '23514': 'check',
  '22P02': 'type',
  '42804': 'type',
}

/**
 * What `pg` threw, typed. The original is not kept as the cause: PostgreSQL puts the values of the row into its texts.
 * @param label the database without its password.
 */
export function postgresError(thrown: unknown, label: string): SallyportError {
  if (thrown instanceof SallyportError) return thrown
  const code = codeOf(thrown)
  const details = { database: label, sqlState: code }
  const constraint = CONSTRAINTS[code]
  if (constraint !== undefined) return constraintViolated(constraint, new Error(`PostgreSQL: ${code}`))
  if (code === '40001' || code === '40P01') {
    return new SallyportError('storage.transaction-conflict', 'other transactions got in the way', {
      kind: 'unavailable',
      remedy: 'try again',
      details,
    })
  }
  if (code === '25P02') return transactionAborted()
  if (code === '53100') {
    return new SallyportError('storage.disk-full', `there is no space left for ${label}`, {
      kind: 'unavailable',
      remedy: 'free space on that server; what was acknowledged is safe, the change was not made',
      details,
    })
  }
  if (code.startsWith('XX00')) {
    return new SallyportError('storage.database-corrupt', `${label} is damaged`, {
      kind: 'internal',
      remedy: 'restore it from a backup; the transparency log stands apart and still proves what happened',
      details,
    })
  }
  if (code.startsWith('28') || code === '3D000') {
    return new SallyportError('storage.database-unavailable', `${label} does not let us in`, {
      kind: 'unavailable',
      remedy: 'check user, password and database name in the URL',
      details,
    })
  }
  return isConnectionLost(code) ? unreachable(label, code) : queryFailed(details)
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code
  // pg has no code for these.
  return thrown instanceof Error && /timeout|terminated|ended|not queryable/i.test(thrown.message)
    ? 'ECONNRESET'
    : 'unknown'
}

/** Class 08 and 57P: connection and operator intervention; 53300: too many clients; E…: the socket. */
function isConnectionLost(code: string): boolean {
  return /^(?:08|57P|53300|E[A-Z])/.test(code)
}

function unreachable(label: string, code: string): SallyportError {
  return new SallyportError('storage.database-unavailable', `${label} cannot be reached`, {
    kind: 'unavailable',
    remedy: 'see that the server runs and accepts connections from here',
    details: { database: label, sqlState: code },
  })
}
