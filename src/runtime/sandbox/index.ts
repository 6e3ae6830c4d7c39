/** Where a worker runs: how its process is started so that a hostile model finds little. */
export { launchProcess } from './process-tier.ts'
export type { Launch, SandboxTier } from './tier.ts'
