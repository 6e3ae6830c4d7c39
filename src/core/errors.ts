/**
 * What every refusal of Sallyport is. `code` is stable and part of the interface; `message` says what was wrong and
 * `remedy` what to do. Neither ever holds a secret, a prompt, a feature value or an answer.
 */
export class SallyportError extends Error {
  override readonly name: string = 'SallyportError'
  readonly code: string
  readonly kind: ErrorKind
  readonly remedy: string | undefined
  /** Data about the refusal that is safe to print and to log. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, options: SallyportErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = options.kind
    this.remedy = options.remedy
    this.details = options.details ?? {}
  }
}

/** How a caller should treat a refusal; each protocol maps it to its own status. */
export type ErrorKind =
  | 'invalid' // the caller's input is wrong: 400, usage
  | 'unauthenticated' // 401
  | 'forbidden' // 403
  | 'not-found' // 404
  | 'conflict' // state does not allow it: 409
  | 'too-large' // 413
  | 'too-many' // 429
  | 'refused' // a security decision: 422
  | 'unavailable' // try again: 503
  | 'timeout' // 504
  | 'internal' // a defect or a broken machine: 500

export interface SallyportErrorOptions {
  readonly kind: ErrorKind
  readonly remedy?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'too-many': 429,
  refused: 422,
  unavailable: 503,
  timeout: 504,
  internal: 500,
}

/** Anything thrown, as a SallyportError; what is unknown becomes `internal` and keeps its cause, not its text. */
export function toSallyportError(thrown: unknown): SallyportError {
  if (thrown instanceof SallyportError) return thrown
  return new SallyportError('internal', 'an internal error occurred', {
    kind: 'internal',
    remedy: 'look at the log of the server at this time; report it if it happens again',
    cause: thrown,
  })
}
