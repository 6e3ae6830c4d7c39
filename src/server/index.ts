/** The composition root: configuration, state folder, start and stop, and the demo. */
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
export { type Server, type StartOptions, startServer } from './server.ts'
