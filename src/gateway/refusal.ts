import { type ErrorKind, HTTP_STATUS, SallyportError } from '../core/index.ts'

interface RefusalOptions {
  readonly kind: ErrorKind
  /** Where HTTP has a more exact word than the kind: 405, 408, 415, 431, 499. */
  readonly status?: number
  /** The input of the model that has to be mended. */
  readonly input?: string
  /** Header names and values, alternating. */
  readonly headers?: readonly string[]
  readonly cause?: unknown
}

/** A request that is not served: what the client is told, and under which status. */
export class Refusal extends SallyportError {
  override readonly name = 'Refusal'
  readonly status: number
  readonly input: string | undefined
  readonly headers: readonly string[]

  constructor(code: `gateway.${string}`, message: string, options: RefusalOptions) {
    super(code, message, { kind: options.kind, cause: options.cause })
    this.status = options.status ?? HTTP_STATUS[options.kind]
    this.input = options.input
    this.headers = options.headers ?? []
  }
}

/** The body is not a request of the protocol. */
export function malformed(code: `gateway.${string}`, message: string): Refusal {
  return new Refusal(code, message, { kind: 'invalid' })
}

/** What is safe to repeat of a name that a client made up: an identifier, not a text. */
const REPEATABLE_NAME = /^[A-Za-z0-9_.:/-]{1,64}$/

/** One tensor of the request cannot be read; `complaint` goes on from "input 'age' …" and holds no value. */
export function invalidTensor(input: string, complaint: string): Refusal {
  if (!REPEATABLE_NAME.test(input)) return malformed('gateway.invalid-tensor', `an input ${complaint}`)
  return new Refusal('gateway.invalid-tensor', `input '${input}' ${complaint}`, { kind: 'invalid', input })
}
