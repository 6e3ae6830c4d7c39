import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { HTTP_STATUS, SallyportError, toSallyportError } from '../core/index.ts'
import type { Actor, ControlPlane } from './control-plane.ts'
import { auditRoutes } from './routes/audit.ts'
import { deploymentRoutes } from './routes/deployments.ts'
import { keyRoutes } from './routes/keys.ts'
import { modelRoutes } from './routes/models.ts'
import { statusRoutes } from './routes/status.ts'

export interface AdminApiOptions {
  readonly controlPlane: ControlPlane
  /**
   * `key`: every request needs an API key with scope `admin`. `owner`: whoever reaches this instance owns the state
   * folder; only for calls inside the process and for a socket that only the owner may open.
   */
  readonly trust: 'key' | 'owner'
}

/** Longest JSON body of the control plane. A model's archive is streamed and has the budgets of its intake. */
const BODY_LIMIT_BYTES = 256 * 1024

const PUBLIC_PATHS = new Set(['/healthz', '/openapi.json'])

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor
  }
}

/** The control plane's HTTP API, described by its own OpenAPI document at `/openapi.json`. It listens nowhere yet. */
export async function createAdminApi(options: AdminApiOptions): Promise<FastifyInstance> {
  const { controlPlane, trust } = options
  const app = Fastify({ bodyLimit: BODY_LIMIT_BYTES, logger: false, forceCloseConnections: true })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  // A model's archive goes to the intake as it arrives.
  app.addContentTypeParser('application/x-tar', (_request, payload, done) => done(null, payload))
  app.decorateRequest('actor')

  app.addHook('onRequest', async (request) => {
    request.actor = trust === 'owner' ? { kind: 'owner' } : await requireAdmin(controlPlane, request)
  })
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .send(
        errorBody(new SallyportError('admin.no-such-route', 'there is no such route', { kind: 'not-found' })),
      ),
  )
  app.setErrorHandler((thrown, _request, reply) => {
    const error = toAdminError(thrown)
    return reply.code(HTTP_STATUS[error.kind]).send(errorBody(error))
  })

  await addRoutes(app, controlPlane)
  app.get('/openapi.json', () => openApiDocument())
  await app.ready()
  return app
}

export async function addRoutes(app: FastifyInstance, controlPlane: ControlPlane): Promise<void> {
  for (const routes of [statusRoutes, modelRoutes, deploymentRoutes, keyRoutes, auditRoutes]) {
    await app.register(async (scope) => routes(scope.withTypeProvider<ZodTypeProvider>(), controlPlane))
  }
}

/** Made when it is first asked for: the parts that describe an API are many, and few starts need them. */
let document: Promise<unknown> | undefined

function openApiDocument(): Promise<unknown> {
  document ??= import('./openapi.ts').then(({ describeAdminApi }) => describeAdminApi())
  return document
}

async function requireAdmin(controlPlane: ControlPlane, request: FastifyRequest): Promise<Actor> {
  if (PUBLIC_PATHS.has(request.url)) return { kind: 'owner' }
  const identity = controlPlane.authenticate(request.headers.authorization)
  if (identity?.scopes.includes('admin')) return { kind: 'key', identity }
  const error =
    identity === undefined
      ? new SallyportError('admin.unauthenticated', 'a valid API key is required', {
          kind: 'unauthenticated',
          remedy: 'send it as `Authorization: Bearer sp_…`',
        })
      : new SallyportError('admin.forbidden', 'this API key may not use the control plane', {
          kind: 'forbidden',
          remedy: 'use a key with the scope admin',
        })
  await controlPlane.log.append({
    type: 'admin.refused',
    data: { code: error.code, method: request.method, route: request.routeOptions.url ?? 'unknown' },
    private: { address: request.ip, ...(identity === undefined ? {} : { key: identity.keyId }) },
  })
  throw error
}

function toAdminError(thrown: unknown): SallyportError {
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const problems = thrown.validation.map(
      (problem) => `${problem.instancePath || '/'}: ${problem.message ?? 'invalid'}`,
    )
    return new SallyportError('admin.invalid-request', `the request is not valid: ${problems.join('; ')}`, {
      kind: 'invalid',
      remedy: 'see /openapi.json',
      details: { problems },
    })
  }
  // Fastify's own refusals (body too large, unsupported media type, bad JSON) carry a status below 500.
  if (thrown instanceof Error && 'statusCode' in thrown && Number(thrown.statusCode) < 500) {
    const kind = Number(thrown.statusCode) === 413 ? 'too-large' : 'invalid'
    return new SallyportError('admin.invalid-request', thrown.message, { kind, cause: thrown })
  }
  return toSallyportError(thrown)
}

function errorBody(error: SallyportError): unknown {
  const { code, message, remedy, details } = error
  return { error: { code, message, ...(remedy === undefined ? {} : { remedy }), details } }
}
