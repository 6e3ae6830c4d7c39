/** What one client, and all of them together, may make the gateway hold. */
export interface GatewayLimits {
  /** Of a request's body, whether announced or streamed. */
  readonly maxBodyBytes: number
  /** Of all bodies that are held at once. */
  readonly maxBufferedBytes: number
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** Requests that are being worked on at once; the next one is answered 503 with Retry-After. */
  readonly maxConcurrent: number
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the first byte of a request to the last of its body. */
  readonly requestTimeoutMs: number
  /** Of a connection between two requests. */
  readonly idleTimeoutMs: number
  readonly inferTimeoutMs: number
  /** Of each asynchronous control; one that takes longer is a denial. */
  readonly controlTimeoutMs: number
  readonly maxJsonDepth: number
  /** Objects and arrays in one body: they cost memory out of proportion to their bytes. */
  readonly maxJsonContainers: number
}

export const DEFAULT_LIMITS: GatewayLimits = {
  maxBodyBytes: 8 * 1024 * 1024,
  maxBufferedBytes: 256 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 10_000,
  maxConcurrent: 256,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 65_000,
  inferTimeoutMs: 30_000,
  controlTimeoutMs: 1_000,
  maxJsonDepth: 16,
  maxJsonContainers: 262_144,
}
