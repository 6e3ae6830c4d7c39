import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type ErrorKind, HTTP_STATUS, SallyportError } from '../core/index.ts'
import {
  CreatedKeySchema,
  DeploymentSchema,
  ErrorSchema,
  EventPageSchema,
  KeySchema,
  ModelVersionSchema,
  ProofSchema,
  PushedSchema,
  StatusSchema,
  VerificationSchema,
  WithdrawnSchema,
} from './schemas.ts'

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly body?: unknown
  /** A tar archive, sent as it is read; excludes `body`. */
  readonly archive?: Readable
}

/** How a request reaches the control plane: inside the process, through a socket, over the network. */
export interface Transport {
  send(request: AdminRequest): Promise<{ readonly status: number; readonly text: string }>
  close(): Promise<void>
}

/** The control plane as methods. Every answer is parsed by its schema; every refusal is thrown as a SallyportError. */
export class AdminClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  status() {
    return this.#call(StatusSchema, { method: 'GET', path: '/v1/status' })
  }

  push(archive: Readable) {
    return this.#call(PushedSchema, { method: 'POST', path: '/v1/models', archive })
  }

  models() {
    return this.#call(z.array(ModelVersionSchema), { method: 'GET', path: '/v1/models' })
  }

  model(model: string, version: string) {
    return this.#call(ModelVersionSchema, { method: 'GET', path: versionPath(model, version) })
  }

  verify(model: string, version: string) {
    return this.#call(VerificationSchema, { method: 'POST', path: `${versionPath(model, version)}/verify` })
  }

  revokeVersion(model: string, version: string, reason: string) {
    return this.#call(z.null(), {
      method: 'POST',
      path: `${versionPath(model, version)}/revoke`,
      body: { reason },
    })
  }

  deploy(model: string, version: string, environment: string) {
    return this.#call(DeploymentSchema, {
      method: 'POST',
      path: '/v1/deployments',
      body: { model, version, environment },
    })
  }

  withdraw(model: string, environment: string) {
    return this.#call(WithdrawnSchema, {
      method: 'POST',
      path: '/v1/deployments/withdraw',
      body: { model, environment },
    })
  }

  /** @param at RFC 3339; now, without it. */
  deployments(environment: string, at?: string) {
    const query = new URLSearchParams({ environment, ...(at === undefined ? {} : { at }) })
    return this.#call(z.array(DeploymentSchema), { method: 'GET', path: `/v1/deployments?${query}` })
  }

  createKey(request: { name: string; tenant?: string; scopes: readonly string[]; expiresAt?: string }) {
    return this.#call(CreatedKeySchema, { method: 'POST', path: '/v1/keys', body: request })
  }

  keys() {
    return this.#call(z.array(KeySchema), { method: 'GET', path: '/v1/keys' })
  }

  revokeKey(id: string) {
    return this.#call(z.null(), { method: 'DELETE', path: `/v1/keys/${encodeURIComponent(id)}` })
  }

  events(query: { from?: number; limit?: number; type?: string }) {
    const defined = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])
    return this.#call(EventPageSchema, {
      method: 'GET',
      path: `/v1/audit/events?${new URLSearchParams(defined)}`,
    })
  }

  prove(eventId: string) {
    return this.#call(ProofSchema, {
      method: 'GET',
      path: `/v1/audit/events/${encodeURIComponent(eventId)}/proof`,
    })
  }

  /** The newest signed checkpoint of the log. */
  async checkpoint(): Promise<string> {
    const { status, text } = await this.#transport.send({ method: 'GET', path: '/v1/audit/checkpoint' })
    if (status >= 400) throw toError(status, parseAnswer(text))
    return text
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call<Shape>(schema: z.ZodType<Shape>, request: AdminRequest): Promise<Shape> {
    const { status, text } = await this.#transport.send(request)
    const body: unknown = text === '' ? null : parseAnswer(text)
    if (status >= 400) throw toError(status, body)
    return schema.parse(body)
  }
}

/** Calls an API that lives in this process. */
export function localTransport(app: FastifyInstance, onClose: () => Promise<void>): Transport {
  return {
    async send(request) {
      const content = contentOf(request)
      const response = await app.inject({
        method: request.method,
        url: request.path,
        ...(content === undefined ? {} : { payload: content.payload, headers: content.headers }),
      })
      return { status: response.statusCode, text: response.payload }
    },
    close: onClose,
  }
}

/** Calls the API of a running server through the socket in its state folder. */
export async function socketTransport(socketPath: string): Promise<Transport> {
  const { Pool } = await import('undici')
  // Verifying or loading a large model takes as long as it takes; the server has the deadlines.
  const pool = new Pool('http://localhost', { socketPath, connections: 1, headersTimeout: 0, bodyTimeout: 0 })
  return {
    async send(request) {
      const content = contentOf(request)
      const response = await pool.request({
        method: request.method,
        path: request.path,
        ...(content === undefined ? {} : { body: content.payload, headers: content.headers }),
      })
      return { status: response.statusCode, text: await response.body.text() }
    },
    close: () => pool.close(),
  }
}

function contentOf({
  body,
  archive,
}: AdminRequest): { payload: Readable | string; headers: Record<string, string> } | undefined {
  if (archive !== undefined) return { payload: archive, headers: { 'content-type': 'application/x-tar' } }
  if (body !== undefined)
    return { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  return undefined
}

const versionPath = (model: string, version: string) =>
  `/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SallyportError('admin.answer-unreadable', 'the control plane gave an answer that is not JSON', {
      kind: 'internal',
      remedy: 'check that the client and the server are of the same version',
      cause,
    })
  }
}

function toError(status: number, body: unknown): SallyportError {
  const kind =
    (Object.keys(HTTP_STATUS) as ErrorKind[]).find((known) => HTTP_STATUS[known] === status) ?? 'internal'
  const parsed = ErrorSchema.safeParse(body)
  if (!parsed.success) {
    return new SallyportError('admin.refused', `the control plane answered ${status}`, { kind })
  }
  const { code, message, remedy, details } = parsed.data.error
  return new SallyportError(code, message, { kind, details, ...(remedy === undefined ? {} : { remedy }) })
}
