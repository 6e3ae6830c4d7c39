import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Decision, type ExchangeId, type Identity, newExchangeId } from '../core/index.ts'
import type { AuthenticationFailure } from '../identity/index.ts'
import type { Connection } from './connection.ts'
import { type RequestHead, readHead } from './request-head.ts'
import type { Route } from './snapshot.ts'

/** One request on its way through the data plane: what is known of it so far, and what it holds. */
export class Call {
  readonly connection: Connection
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly head: RequestHead
  readonly id: ExchangeId
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** On the monotonic clock, in milliseconds. */
  readonly began: number
  readonly decisions: Decision[] = []
  route: Route | undefined
  identity: Identity | undefined
  /** Why the caller was not let in. */
  failure: AuthenticationFailure | undefined
  body: Buffer | undefined
  /** On the monotonic clock: when the model must have answered. */
  deadline = Number.POSITIVE_INFINITY
  /** Bytes of the shared buffer budget that are set aside for the body. */
  reservedBytes = 0
  /** Whether what becomes of the call is decided; its event is then being written. */
  isSettled = false
  /** Whether the rest of the request cannot come: its connection is closed after the answer. */
  isBroken = false
  readonly #chunks: Buffer[] = []
  #receivedBytes = 0

  constructor(connection: Connection, request: IncomingMessage, response: ServerResponse, startedAt: number) {
    this.connection = connection
    this.request = request
    this.response = response
    this.head = readHead(request.rawHeaders)
    this.startedAt = startedAt
    this.began = performance.now()
    this.id = newExchangeId(startedAt)
  }

  /** Takes the next piece of the body; gives how many bytes there are now. */
  receive(chunk: Buffer): number {
    this.#chunks.push(chunk)
    this.#receivedBytes += chunk.length
    return this.#receivedBytes
  }

  /** The whole body has arrived. */
  assembleBody(): Buffer {
    const [first] = this.#chunks
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks)
    this.#chunks.length = 0
    this.body = body
    return body
  }

  elapsedMs(): number {
    return performance.now() - this.began
  }
}
