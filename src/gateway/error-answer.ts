import { type ExchangeId, HTTP_STATUS, SallyportError } from '../core/index.ts'
import { Refusal } from './refusal.ts'

/** What a client is told of a refusal. */
export interface ErrorAnswer {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly input: string | undefined
  /** Names and values alternating. */
  readonly headers: readonly string[]
}

/**
 * Anything thrown, as an answer. Our own refusals say what they say; of other typed errors the message is repeated only
 * where the caller can act on it; an unknown error becomes a 500 that says nothing of itself.
 */
export function toErrorAnswer(thrown: unknown): ErrorAnswer {
  if (thrown instanceof Refusal) {
    const { status, code, message, input, headers } = thrown
    return { status, code, message, input, headers: withRetryAfter(status, headers, {}) }
  }
  if (!(thrown instanceof SallyportError) || thrown.kind === 'internal') {
    const code = thrown instanceof SallyportError ? thrown.code : 'gateway.internal'
    return { status: 500, code, message: 'the request could not be answered', input: undefined, headers: [] }
  }
  const status = HTTP_STATUS[thrown.kind]
  const message = thrown.remedy === undefined ? thrown.message : `${thrown.message}; ${thrown.remedy}`
  const headers = status === 401 ? ['www-authenticate', 'Bearer'] : withRetryAfter(status, [], thrown.details)
  return { status, code: thrown.code, message, input: undefined, headers }
}

function withRetryAfter(
  status: number,
  headers: readonly string[],
  details: Readonly<Record<string, unknown>>,
): readonly string[] {
  if (status !== 503) return headers
  const { retryAfterMs } = details
  const seconds = typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : 1
  return [...headers, 'retry-after', String(seconds)]
}

/** The body of an error in Open Inference Protocol's shape, with our stable code and the exchange's id. */
export function errorBody(answer: ErrorAnswer, exchange: ExchangeId): string {
  const { message, code, input } = answer
  return JSON.stringify({ error: message, code, exchange, ...(input === undefined ? {} : { input }) })
}
