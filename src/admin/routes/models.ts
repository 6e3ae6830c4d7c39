import type { Readable } from 'node:stream'
import { z } from 'zod'
import { type ModelName, SallyportError, toTimestamp, type VersionName } from '../../core/index.ts'
import type { ModelVersion } from '../../supply/index.ts'
import type { ControlPlane } from '../control-plane.ts'
import {
  ModelVersionSchema,
  type ModelVersionView,
  NameSchema,
  PushedSchema,
  VerificationSchema,
} from '../schemas.ts'
import type { TypedInstance } from './instance.ts'

const VersionParams = z.strictObject({ model: NameSchema, version: NameSchema })

export function modelRoutes(app: TypedInstance, controlPlane: ControlPlane): void {
  app.post(
    '/v1/models',
    {
      schema: {
        summary:
          'Push a model package as a tar archive (application/x-tar): scanned, signed, admitted or refused.',
        consumes: ['application/x-tar'],
        response: { 200: PushedSchema, 201: PushedSchema },
      },
    },
    async (request, reply) => {
      if (request.headers['content-type'] !== 'application/x-tar') {
        throw new SallyportError('admin.archive-expected', 'a model package is pushed as a tar archive', {
          kind: 'invalid',
          remedy: 'send the archive with Content-Type: application/x-tar',
        })
      }
      const { version, isNew } = await controlPlane.push(request.body as Readable, request.actor)
      return reply.code(isNew ? 201 : 200).send({ version: toView(version), isNew })
    },
  )

  app.get(
    '/v1/models',
    { schema: { summary: 'Every version of every model.', response: { 200: z.array(ModelVersionSchema) } } },
    async () => (await controlPlane.models.list()).map(toView),
  )

  app.get(
    '/v1/models/:model/versions/:version',
    {
      schema: {
        summary: 'One version with its lineage.',
        params: VersionParams,
        response: { 200: ModelVersionSchema },
      },
    },
    async (request) =>
      toView(
        await controlPlane.models.show(
          request.params.model as ModelName,
          request.params.version as VersionName,
        ),
      ),
  )

  app.post(
    '/v1/models/:model/versions/:version/verify',
    {
      schema: {
        summary: 'Hash every stored byte again and check signature, status and policy.',
        params: VersionParams,
        response: { 200: VerificationSchema },
      },
    },
    async (request) => {
      const { model, version } = request.params
      const report = await controlPlane.models.verify(model as ModelName, version as VersionName)
      return { model, version, isSound: report.isSound, checks: report.checks.map((check) => ({ ...check })) }
    },
  )

  app.post(
    '/v1/models/:model/versions/:version/revoke',
    {
      schema: {
        summary: 'Revoke a version for good; it stops being served at once.',
        params: VersionParams,
        body: z.strictObject({ reason: z.string().min(1).max(500) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { model, version } = request.params
      await controlPlane.revokeVersion(
        model as ModelName,
        version as VersionName,
        request.body.reason,
        request.actor,
      )
      return reply.code(204).send(null)
    },
  )
}

function toView(version: ModelVersion): ModelVersionView {
  const { dataset, metrics } = version.lineage
  return {
    model: version.model,
    version: version.version,
    artifact: version.artifactId,
    status: version.status,
    admittedAt: toTimestamp(version.admittedAt),
    event: version.eventId,
    description: version.description,
    licence: version.licence,
    ...(dataset === undefined ? {} : { dataset: { ...dataset } }),
    metrics: { ...metrics },
    files: version.files.map((file) => ({ ...file })),
    signature: { ...version.signature },
    history: version.history.map(({ status, at, reason }) => ({
      status,
      at: toTimestamp(at),
      ...(reason === undefined ? {} : { reason }),
    })),
  }
}
