/** The data plane: the life of an exchange, from the connection to the answer that leaves once it is proven. */
export type { EvidenceLog } from './evidence.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
export { DEFAULT_LIMITS, type GatewayLimits } from './limits.ts'
export type { Authenticator, GatewaySnapshot, InferOptions, Route } from './snapshot.ts'
