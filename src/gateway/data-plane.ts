import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Control, Identity, Tensor } from '../core/index.ts'
import { unauthenticated } from '../identity/index.ts'
import type { Logger, Metrics } from '../observe/index.ts'
import { Call } from './call.ts'
import { Connection } from './connection.ts'
import type { GatewayLimits } from './limits.ts'
import { decide } from './pipeline/index.ts'
import {
  checkRequestedOutputs,
  parseInferRequest,
  writeInferAnswer,
} from './protocols/open-inference/index.ts'
import { malformed, Refusal } from './refusal.ts'
import type { InferEndpoint, Resource, RouteTable } from './route-table.ts'
import type { Settlement } from './settlement.ts'
import type { Authenticator } from './snapshot.ts'
import { send } from './transport.ts'

export interface DataPlaneOptions {
  readonly controls: readonly Control[]
  readonly settlement: Settlement
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly limits: GatewayLimits
  /** Where requests to a model stand that have been let in and not yet answered. */
  readonly calls: Set<Call>
}

const NO_CALLS: ReadonlySet<Call> = new Set()

/** How much longer than its own timeout a model is waited for before the gateway answers without it. */
const OVERDUE_MS = 500

/** The life of every request: identity, route, controls, model; and its settlement, with whatever came of it. */
export class DataPlane {
  readonly #options: DataPlaneOptions
  readonly #limits: GatewayLimits
  readonly #settlement: Settlement
  readonly #calls: Set<Call>
  #keys: Authenticator
  readonly #connections = new WeakMap<Socket, Connection>()
  #routes: RouteTable
  #bufferedBytes = 0

  constructor(options: DataPlaneOptions, keys: Authenticator, routes: RouteTable) {
    this.#options = options
    this.#limits = options.limits
    this.#settlement = options.settlement
    this.#calls = options.calls
    this.#keys = keys
    this.#routes = routes
    options.metrics.gauge('requests_in_flight', 'Requests to models being worked on', () => this.#calls.size)
    options.metrics.gauge('buffered_bytes', 'Bytes set aside for bodies', () => this.#bufferedBytes)
  }

  swap(keys: Authenticator, routes: RouteTable): void {
    this.#keys = keys
    this.#routes = routes
  }

  get callsInFlight(): number {
    return this.#calls.size
  }

  /**
   * What to do about bytes on a connection that are not HTTP, or do not come in time. A request whose body they break
   * is refused; where an earlier one is still being worked on, `busy` says that nothing may be written.
   */
  refuseBroken(socket: Socket, refusal: Refusal): 'refused' | 'busy' | 'idle' {
    const calls = this.#connections.get(socket)?.calls ?? NO_CALLS
    for (const call of calls) {
      if (call.request.complete || call.isSettled) continue
      call.isBroken = true
      void this.#refuse(call, refusal)
      return 'refused'
    }
    return calls.size > 0 ? 'busy' : 'idle'
  }

  /** Answers the calls whose model has not answered in time, whatever their worker says later. */
  refuseOverdue(): void {
    const now = performance.now()
    for (const call of this.#calls) {
      if (now <= call.deadline) continue
      void this.#refuse(
        call,
        new Refusal('gateway.timeout', 'the model did not answer in time', { kind: 'timeout' }),
      )
    }
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const resource = this.#routes.get(request.url ?? '')
    if (resource !== undefined && this.#answerProbe(resource, request, response)) return
    const connection = this.#connectionOf(request.socket)
    const call = new Call(connection, request, response, this.#options.clock.now())
    try {
      this.#admit(call, resource)
    } catch (thrown) {
      void this.#refuse(call, thrown)
    }
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const connection = new Connection()
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      connection.close()
      for (const call of connection.calls) {
        const message = 'the client left before the answer'
        void this.#refuse(call, new Refusal('gateway.client-left', message, { kind: 'invalid', status: 499 }))
      }
    })
    return connection
  }

  /** What load balancers and monitors ask for, without a key. */
  #answerProbe(resource: Resource, request: IncomingMessage, response: ServerResponse): boolean {
    if (!answersTo(resource, request.method)) return false
    switch (resource.endpoint.kind) {
      case 'live':
        this.#sendJson(response, 200, '{"live":true}')
        return true
      case 'ready': {
        const isReady = this.#isReady()
        this.#sendJson(response, isReady ? 200 : 503, `{"ready":${isReady}}`)
        return true
      }
      case 'metrics':
        void this.#sendMetrics(response)
        return true
      default:
        return false
    }
  }

  async #sendMetrics(response: ServerResponse): Promise<void> {
    const { metrics } = this.#options
    const body = await metrics.render()
    send(response, { status: 200, headers: ['content-type', metrics.contentType], body }, false)
  }

  #isReady(): boolean {
    if (this.#settlement.isClosing || !this.#settlement.canWriteEvidence) return false
    for (const { endpoint } of this.#routes.values()) {
      if (endpoint.kind === 'infer' && endpoint.route.isDefault && !endpoint.route.isReady()) return false
    }
    return true
  }

  /** Who is calling, and for what; a request to a model goes on to `#read`. */
  #admit(call: Call, resource: Resource | undefined): void {
    const { request, response } = call
    const identity = call.connection.authenticate(this.#keys, call.head.credential, call.startedAt)
    if (identity.kind === 'unauthenticated') {
      call.failure = identity
      throw unauthenticated()
    }
    call.identity = identity
    if (!identity.scopes.includes('infer')) {
      const message = "the API key does not have the scope 'infer'"
      throw new Refusal('gateway.scope-missing', message, { kind: 'forbidden' })
    }
    if (resource === undefined) throw unknownPath(request.url ?? '')
    if (!answersTo(resource, request.method)) throw wrongMethod(resource)
    const { endpoint } = resource
    switch (endpoint.kind) {
      case 'document':
        this.#sendJson(response, 200, endpoint.body)
        break
      case 'model-ready': {
        const isReady = endpoint.route.isReady()
        const name = JSON.stringify(endpoint.route.model)
        this.#sendJson(response, isReady ? 200 : 503, `{"name":${name},"ready":${isReady}}`)
        break
      }
      case 'infer':
        call.route = endpoint.route
        this.#read(call, identity, endpoint)
        break
      default:
        throw unknownPath(request.url ?? '')
    }
  }

  #sendJson(response: ServerResponse, status: number, body: string): void {
    send(
      response,
      { status, headers: ['content-type', 'application/json'], body },
      this.#settlement.isClosing,
    )
  }

  /** Collects the body, within the limits of one request and of all of them together. */
  #read(call: Call, identity: Identity, endpoint: InferEndpoint): void {
    const { request, head } = call
    checkContent(head.contentType, head.contentEncoding)
    const jsonLength = parseJsonLength(head.inferenceHeaderLength)
    const announced = head.contentLength ?? 0
    if (announced > this.#limits.maxBodyBytes) throw this.#bodyTooLarge()
    if (this.#calls.size >= this.#limits.maxConcurrent) {
      throw overloaded('too many requests are being worked on; try again')
    }
    this.#reserve(call, announced)
    this.#calls.add(call)
    call.connection.calls.add(call)
    request.on('data', (chunk: Buffer) => this.#receive(call, chunk))
    request.on('end', () => {
      if (!call.isSettled) void this.#exchange(call, identity, endpoint, jsonLength)
    })
  }

  #receive(call: Call, chunk: Buffer): void {
    if (call.isSettled) return
    const received = call.receive(chunk)
    try {
      if (received > this.#limits.maxBodyBytes) throw this.#bodyTooLarge()
      if (received > call.reservedBytes) this.#reserve(call, received - call.reservedBytes)
    } catch (thrown) {
      void this.#refuse(call, thrown)
    }
  }

  #reserve(call: Call, bytes: number): void {
    if (this.#bufferedBytes + bytes > this.#limits.maxBufferedBytes) {
      throw overloaded('too many bytes of requests are being held; try again')
    }
    this.#bufferedBytes += bytes
    call.reservedBytes += bytes
  }

  #bodyTooLarge(): Refusal {
    const message = `the body is larger than ${this.#limits.maxBodyBytes} bytes`
    return new Refusal('gateway.body-too-large', message, { kind: 'too-large' })
  }

  /** From the whole body to the answer. */
  async #exchange(
    call: Call,
    identity: Identity,
    endpoint: InferEndpoint,
    jsonLength: number | undefined,
  ): Promise<void> {
    const { route } = endpoint
    try {
      const request = parseInferRequest(call.assembleBody(), jsonLength, this.#limits)
      checkRequestedOutputs(request, route.schema)
      const { inputs } = request
      const pending = this.#decide(call, identity, endpoint, inputs)
      const denial = pending instanceof Promise ? await pending : pending
      if (denial !== undefined) throw denial
      if (call.isSettled) return
      const timeoutMs = this.#limits.inferTimeoutMs
      const began = performance.now()
      call.deadline = began + timeoutMs + OVERDUE_MS
      const outputs = await route.infer(inputs, { timeoutMs, signal: call.connection.closed })
      if (call.isSettled) return
      endpoint.metrics.inferenceDuration.observe((performance.now() - began) / 1000)
      const answer = writeInferAnswer(endpoint.answerPrefix, request, route.schema, outputs)
      try {
        await this.#settlement.serve(call, identity, endpoint, answer)
      } finally {
        this.#release(call)
      }
    } catch (thrown) {
      await this.#refuse(call, thrown)
    }
  }

  #decide(call: Call, identity: Identity, endpoint: InferEndpoint, inputs: readonly Tensor[]) {
    const { id, startedAt, decisions } = call
    const { model, version, environment, schema } = endpoint.route
    const { controls, logger, limits } = this.#options
    return decide(
      { id, startedAt, identity, model, version, environment, schema, segments: [], inputs, decisions },
      controls,
      { timeoutMs: limits.controlTimeoutMs, logger },
    )
  }

  async #refuse(call: Call, thrown: unknown): Promise<void> {
    if (call.isSettled) return
    call.connection.calls.add(call)
    await this.#settlement.refuse(call, thrown)
    this.#release(call)
  }

  #release(call: Call): void {
    this.#bufferedBytes -= call.reservedBytes
    call.reservedBytes = 0
    this.#calls.delete(call)
    call.connection.calls.delete(call)
  }
}

function answersTo(resource: Resource, method: string | undefined): boolean {
  return method === resource.method || (method === 'HEAD' && resource.method === 'GET')
}

function wrongMethod({ method }: Resource): Refusal {
  const allow = method === 'GET' ? 'GET, HEAD' : method
  return new Refusal('gateway.wrong-method', `this path answers to ${allow} only`, {
    kind: 'invalid',
    status: 405,
    headers: ['allow', allow],
  })
}

function unknownPath(url: string): Refusal {
  if (url.includes('?')) return malformed('gateway.query-refused', 'no path here takes a query; leave it out')
  const message = url.startsWith('/v2/models/')
    ? 'no such model or version is served here'
    : 'there is nothing at this path'
  return new Refusal('gateway.not-found', message, { kind: 'not-found' })
}

function overloaded(message: string): Refusal {
  return new Refusal('gateway.overloaded', message, { kind: 'unavailable' })
}

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

function checkContent(type: string | undefined, encoding: string | undefined): void {
  if (encoding !== undefined && encoding !== 'identity') {
    const message = 'compressed bodies are not taken; send the body without Content-Encoding'
    throw new Refusal('gateway.content-encoding', message, { kind: 'invalid', status: 415 })
  }
  // The common value needs no search.
  if (type === undefined || type === 'application/json') return
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase()
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii') return
  throw new Refusal('gateway.charset', 'JSON is taken in UTF-8 only', { kind: 'invalid', status: 415 })
}

function parseJsonLength(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,10}$/.test(text)) return Number(text)
  const message = 'Inference-Header-Content-Length is not one count of bytes'
  throw malformed('gateway.invalid-request', message)
}
