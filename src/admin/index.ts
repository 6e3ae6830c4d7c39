/** The control plane: its HTTP API with an OpenAPI document, and the client that the CLI uses. */
export { createAdminApi } from './api.ts'
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
