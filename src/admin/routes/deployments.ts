import { z } from 'zod'
import { type EnvironmentName, type ModelName, toTimestamp, type VersionName } from '../../core/index.ts'
import type { Deployment } from '../../rollout/index.ts'
import type { ControlPlane } from '../control-plane.ts'
import { DeploymentSchema, type DeploymentView, NameSchema, WithdrawnSchema } from '../schemas.ts'
import type { TypedInstance } from './instance.ts'

export function deploymentRoutes(app: TypedInstance, controlPlane: ControlPlane): void {
  app.post(
    '/v1/deployments',
    {
      schema: {
        summary: 'Put a version into an environment.',
        body: z.strictObject({
          model: NameSchema,
          version: NameSchema,
          environment: NameSchema,
        }),
        response: { 201: DeploymentSchema },
      },
    },
    async (request, reply) => {
      const { model, version, environment } = request.body
      const deployment = await controlPlane.deploy(
        model as ModelName,
        version as VersionName,
        environment as EnvironmentName,
        request.actor,
      )
      return reply.code(201).send(toView(deployment))
    },
  )

  app.post(
    '/v1/deployments/withdraw',
    {
      schema: {
        summary: 'Take a model out of an environment.',
        body: z.strictObject({ model: NameSchema, environment: NameSchema }),
        response: { 200: WithdrawnSchema },
      },
    },
    async (request) => {
      const { model, environment } = request.body
      const event = await controlPlane.withdraw(
        model as ModelName,
        environment as EnvironmentName,
        request.actor,
      )
      return { model, environment, event }
    },
  )

  app.get(
    '/v1/deployments',
    {
      schema: {
        summary: 'What was in force in an environment at a time; now, without one.',
        querystring: z.strictObject({
          environment: NameSchema,
          at: z.iso.datetime({ offset: true }).optional(),
        }),
        response: { 200: z.array(DeploymentSchema) },
      },
    },
    async (request) => {
      const environment = request.query.environment as EnvironmentName
      const { at } = request.query
      const deployments =
        at === undefined
          ? controlPlane.deployments.current(environment)
          : controlPlane.deployments.at(environment, Date.parse(at))
      return (await deployments).map(toView)
    },
  )

  app.get(
    '/v1/deployments/history',
    {
      schema: {
        summary: 'Every deployment of an environment, oldest first.',
        querystring: z.strictObject({ environment: NameSchema }),
        response: { 200: z.array(DeploymentSchema) },
      },
    },
    async (request) =>
      (await controlPlane.deployments.history(request.query.environment as EnvironmentName)).map(toView),
  )
}

function toView(deployment: Deployment): DeploymentView {
  return {
    id: deployment.id,
    model: deployment.model,
    version: deployment.version,
    environment: deployment.environment,
    artifact: deployment.artifactId,
    deployedAt: toTimestamp(deployment.deployedAt),
    event: deployment.eventId,
  }
}
