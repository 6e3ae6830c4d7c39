/** The control plane: its HTTP API with an OpenAPI document, and the client that the CLI uses. */
import type { FastifyInstance } from 'fastify'
import type { AdminApiOptions } from './api.ts'

export type { AdminApiOptions } from './api.ts'
export { AdminClient, localTransport, socketTransport } from './client.ts'
export {
  type Actor,
  actorName,
  type ControlPlane,
  type CreatedKey,
  type CreateKeyRequest,
} from './control-plane.ts'
export type {
  DeploymentView,
  EventView,
  ModelVersionView,
  ProofView,
  Status,
  VerificationView,
} from './schemas.ts'

/** See `api.ts`; loaded when it is called, since a client of a running server needs none of it. */
export async function createAdminApi(options: AdminApiOptions): Promise<FastifyInstance> {
  return (await import('./api.ts')).createAdminApi(options)
}
