import { z } from 'zod'
import type { ControlPlane } from '../control-plane.ts'
import { StatusSchema } from '../schemas.ts'
import type { TypedInstance } from './instance.ts'

export function statusRoutes(app: TypedInstance, controlPlane: ControlPlane): void {
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Whether the process answers.',
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    () => ({
      status: 'ok' as const,
    }),
  )

  app.get(
    '/v1/status',
    { schema: { summary: 'What is served and whether it is ready.', response: { 200: StatusSchema } } },
    () => controlPlane.status(),
  )

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the Prometheus text format.' } },
    async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await controlPlane.metrics()),
  )
}
