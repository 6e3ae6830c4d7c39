import { z } from 'zod'
import type { LogEntry } from '../../audit/index.ts'
import { type EventId, toTimestamp } from '../../core/index.ts'
import type { ControlPlane } from '../control-plane.ts'
import { EventPageSchema, type EventView, ProofSchema } from '../schemas.ts'
import type { TypedInstance } from './instance.ts'

const PAGE_LIMIT = 1000

export function auditRoutes(app: TypedInstance, controlPlane: ControlPlane): void {
  const { log } = controlPlane

  app.get(
    '/v1/audit/events',
    {
      schema: {
        summary: 'Events of the transparency log in order, a page at a time.',
        querystring: z.strictObject({
          from: z.coerce
            .number()
            .int()
            .min(0)
            .optional()
            .describe('Index of the first event; the newest page without it.'),
          limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(50),
          type: z.string().max(64).optional().describe('Only events of this type, within the page.'),
        }),
        response: { 200: EventPageSchema },
      },
    },
    async (request) => {
      const { limit, type } = request.query
      const size = log.size
      const from = request.query.from ?? Math.max(0, size - limit)
      const events: EventView[] = []
      for await (const entry of log.read(from, Math.min(size, from + limit))) {
        if (type === undefined || entry.type === type) events.push(toView(entry))
      }
      return { size, events }
    },
  )

  app.get(
    '/v1/audit/events/:id/proof',
    {
      schema: {
        summary: 'Proof that an event stands in the log, to be checked without trusting this server.',
        params: z.strictObject({ id: z.string().max(64) }),
        response: { 200: ProofSchema },
      },
    },
    async (request) => {
      const proof = await log.prove(request.params.id as EventId)
      return {
        event: request.params.id,
        index: proof.index,
        size: proof.size,
        verifierKey: controlPlane.logVerifierKey,
        proof: proof.text,
      }
    },
  )

  app.get(
    '/v1/audit/checkpoint',
    { schema: { summary: 'The newest signed checkpoint of the log (C2SP tlog-checkpoint).' } },
    async (_request, reply) => reply.type('text/plain; charset=utf-8').send(log.checkpoint()),
  )
}

function toView(entry: LogEntry): EventView {
  return {
    index: entry.index,
    id: entry.id,
    type: entry.type,
    at: toTimestamp(entry.at),
    data: entry.data,
    commitments: entry.commitments,
  }
}
