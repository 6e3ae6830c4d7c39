/** Deployments: which version runs in which environment, now and at any time before. */
export type { Deployment } from './deployment.ts'
export { type DeploymentParts, Deployments, type DeployRequest, type WithdrawRequest } from './deployments.ts'
export { type RolloutTables, rolloutMigrations } from './migrations.ts'
