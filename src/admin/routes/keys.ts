import { z } from 'zod'
import { SCOPES, toTimestamp } from '../../core/index.ts'
import type { ApiKeyRecord } from '../../identity/index.ts'
import type { ControlPlane } from '../control-plane.ts'
import { CreatedKeySchema, KeySchema, type KeyView, NameSchema } from '../schemas.ts'
import type { TypedInstance } from './instance.ts'

export function keyRoutes(app: TypedInstance, controlPlane: ControlPlane): void {
  app.post(
    '/v1/keys',
    {
      schema: {
        summary: 'Create an API key; the key itself is in this answer and never again.',
        body: z.strictObject({
          name: z.string().min(1).max(100),
          tenant: NameSchema.default('default'),
          scopes: z.array(z.enum(SCOPES)).min(1),
          expiresAt: z.iso.datetime({ offset: true }).optional(),
        }),
        response: { 201: CreatedKeySchema },
      },
    },
    async (request, reply) => {
      const { name, tenant, scopes, expiresAt } = request.body
      const expiry = expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }
      const created = await controlPlane.createKey({ name, tenant, scopes, ...expiry }, request.actor)
      return reply
        .code(201)
        .send({ key: created.key, record: toView(created.record), event: created.eventId })
    },
  )

  app.get(
    '/v1/keys',
    {
      schema: {
        summary: 'All API keys, without the keys themselves.',
        response: { 200: z.array(KeySchema) },
      },
    },
    async () => (await controlPlane.keys.list()).map(toView),
  )

  app.delete(
    '/v1/keys/:id',
    {
      schema: {
        summary: 'Revoke an API key; it stops working at once.',
        params: z.strictObject({ id: z.string().max(64) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await controlPlane.revokeKey(request.params.id, request.actor)
      return reply.code(204).send(null)
    },
  )
}

function toView(record: ApiKeyRecord): KeyView {
  return {
    id: record.keyId,
    name: record.name,
    tenant: record.tenant,
    scopes: [...record.scopes],
    createdAt: toTimestamp(record.createdAt),
    ...(record.expiresAt === null ? {} : { expiresAt: toTimestamp(record.expiresAt) }),
    ...(record.revokedAt === null ? {} : { revokedAt: toTimestamp(record.revokedAt) }),
  }
}
