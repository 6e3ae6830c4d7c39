import { SallyportError } from '../../core/index.ts'

/** A refusal by a constraint, under the names that both databases share. */
export type Constraint = 'unique' | 'foreign-key' | 'not-null' | 'check' | 'type' | 'other'

export function constraintViolated(constraint: Constraint, cause?: unknown): SallyportError {
  return new SallyportError('storage.constraint-violated', 'the change contradicts what is recorded', {
    kind: 'conflict',
    details: { constraint },
    cause,
  })
}

export function integerTooLarge(): SallyportError {
  return new SallyportError('storage.integer-too-large', 'a stored integer is beyond 2^53', {
    kind: 'internal',
    remedy: 'it was not written by Sallyport; restore the database from a backup',
  })
}

export function transactionAborted(): SallyportError {
  return new SallyportError(
    'storage.transaction-aborted',
    'a statement followed one that had failed in the same transaction',
    { kind: 'internal', remedy: 'let the failure end the transaction and run it again' },
  )
}

export function queryFailed(details: Readonly<Record<string, unknown>>, cause?: unknown): SallyportError {
  return new SallyportError('storage.query-failed', 'the database could not run a statement', {
    kind: 'internal',
    remedy: 'report this with its cause: the statement is at fault, not the data',
    details,
    cause,
  })
}

export function streamingUnsupported(): SallyportError {
  return new SallyportError('storage.streaming-unsupported', 'queries are not streamed', {
    kind: 'internal',
    remedy: 'read in pages',
  })
}

/** `what` names the database without its password. */
export function foreignDatabase(what: string): SallyportError {
  return new SallyportError('storage.database-foreign', `${what} is the database of another program`, {
    kind: 'conflict',
    remedy: 'name another one; nothing was changed in this one',
    details: { database: what },
  })
}
