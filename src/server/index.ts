/** The composition root: configuration, state folder, start and stop, and the demo. */
import type { Server, StartOptions } from './server.ts'

export { type Config, configJsonSchema, loadConfig } from './config.ts'
export { connect, DEFAULT_STATE, DEMO_STATE, findState } from './connect.ts'
export { type AttackResult, attack } from './demo/attack.ts'
export {
  callAndProve,
  type Demonstration,
  deployExample,
  EXAMPLE,
  inferUrl,
  makeDemoKey,
  pushExample,
} from './demo/demonstrate.ts'
export { logIdentity } from './log-identity.ts'
export type { Server, StartOptions } from './server.ts'

/** See `server.ts`; loaded when it is called, since most commands speak to a server that runs already. */
export async function startServer(options: StartOptions): Promise<Server> {
  return (await import('./server.ts')).startServer(options)
}
