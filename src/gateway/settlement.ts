import type { Socket } from 'node:net'
import type { EventInput } from '../audit/index.ts'
import { type Clock, type EventId, type Identity, newExchangeId, SallyportError } from '../core/index.ts'
import type { Logger, Metrics } from '../observe/index.ts'
import type { Call } from './call.ts'
import { type ErrorAnswer, errorBody, toErrorAnswer } from './error-answer.ts'
import { type EvidenceLog, refusedEvent, servedEvent } from './evidence.ts'
import type { ProtocolAnswer } from './protocols/open-inference/index.ts'
import { Refusal } from './refusal.ts'
import type { InferEndpoint } from './route-table.ts'
import { send, sendEarly } from './transport.ts'

export interface SettlementOptions {
  readonly evidence: EvidenceLog
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly maxBodyBytes: number
}

/**
 * The end of every exchange: its event becomes durable, then its answer leaves. Where the event cannot be written the
 * answer is 503 and what was to be said is not.
 */
export class Settlement {
  readonly #options: SettlementOptions
  #canWriteEvidence = true
  /** Whether answers tell clients not to reuse their connection. */
  isClosing = false

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  /** False from the first event that could not be written until one can. */
  get canWriteEvidence(): boolean {
    return this.#canWriteEvidence
  }

  /** Records that the model's answer is given, and gives it. */
  async serve(
    call: Call,
    identity: Identity,
    endpoint: InferEndpoint,
    answer: ProtocolAnswer,
  ): Promise<void> {
    call.isSettled = true
    const eventId = await this.#append(servedEvent(call, identity, endpoint.route, answer.body))
    if (eventId === undefined) return this.#sendWithoutEvidence(call)
    endpoint.metrics.served()
    endpoint.metrics.requestDuration.observe(call.elapsedMs() / 1000)
    const headers = [...answer.headers, 'x-sallyport-exchange', call.id, 'x-sallyport-event', eventId]
    send(call.response, { status: 200, headers, body: answer.body }, this.isClosing)
  }

  /** Records that the call is refused, and says so to the client. Without effect once the call is settled. */
  async refuse(call: Call, thrown: unknown): Promise<void> {
    if (call.isSettled) return
    call.isSettled = true
    const answer = toErrorAnswer(thrown)
    if (answer.status === 500) {
      this.#options.logger.error('a request failed', { exchange: call.id, code: answer.code, error: thrown })
    }
    const eventId = await this.#append(refusedEvent(call, answer))
    if (eventId === undefined) return this.#sendWithoutEvidence(call)
    this.#options.metrics.refused(answer.code, call.route)
    this.#sendError(call, answer, ['x-sallyport-event', eventId])
  }

  /** Answers bytes that are no HTTP request, on a connection with no other answer under way, and closes it. */
  async refuseConnection(socket: Socket, refusal: Refusal): Promise<void> {
    const id = newExchangeId(this.#options.clock.now())
    const refused = toErrorAnswer(refusal)
    const eventId = await this.#append(refusedEvent({ id, decisions: [], elapsedMs: () => 0 }, refused))
    const answer = eventId === undefined ? EVIDENCE_UNAVAILABLE : refused
    this.#options.metrics.refused(answer.code)
    const body = errorBody(answer, id)
    const head = `HTTP/1.1 ${answer.status} Refused\r\nconnection: close\r\ncontent-type: application/json`
    socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  /** The id of the event once it is durable, or undefined when it cannot be. */
  async #append(event: EventInput): Promise<EventId | undefined> {
    const began = performance.now()
    try {
      const { id } = await this.#options.evidence.append(event)
      this.#options.metrics.evidenceWait.observe((performance.now() - began) / 1000)
      this.#canWriteEvidence = true
      return id
    } catch (thrown) {
      // A backlog passes by itself; anything else is there until somebody mends it, so the gateway is not ready.
      if (thrown instanceof SallyportError && thrown.code === 'audit.backlog-full') return undefined
      if (this.#canWriteEvidence) {
        this.#options.logger.error('evidence cannot be written, so nothing is served', { error: thrown })
      }
      this.#canWriteEvidence = false
      return undefined
    }
  }

  #sendWithoutEvidence(call: Call): void {
    this.#options.metrics.refused(EVIDENCE_UNAVAILABLE.code, call.route)
    this.#sendError(call, EVIDENCE_UNAVAILABLE, [])
  }

  #sendError(call: Call, answer: ErrorAnswer, eventHeaders: readonly string[]): void {
    const { status } = answer
    const headers = [...JSON_TYPE, 'x-sallyport-exchange', call.id, ...eventHeaders, ...answer.headers]
    const body = errorBody(answer, call.id)
    if (call.isBroken) send(call.response, { status, headers, body }, true)
    else sendEarly(call, { status, headers, body }, this.isClosing, this.#options.maxBodyBytes)
  }
}

const JSON_TYPE = ['content-type', 'application/json'] as const

const EVIDENCE_UNAVAILABLE: ErrorAnswer = toErrorAnswer(
  new Refusal(
    'gateway.evidence-unavailable',
    'the evidence of this exchange cannot be written, so it is not answered; try again later',
    { kind: 'unavailable' },
  ),
)
