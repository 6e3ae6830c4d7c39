import type { Clock, Control, EventId } from '../core/index.ts'
import type { Logger, Metrics } from '../observe/index.ts'
import type { GatewayLimits } from './limits.ts'
import type { GatewaySnapshot } from './snapshot.ts'

/** Where events go. `append` resolves only when the event is durable; `AuditLog` of the audit wing is one. */
export interface EvidenceLog {
  append(event: EvidenceEvent): Promise<{ readonly id: EventId }>
}

export interface EvidenceEvent {
  readonly type: string
  readonly data: Record<string, JsonValue>
  readonly private?: Record<string, string>
  readonly commit?: Record<string, Uint8Array>
}

type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }

export interface GatewayOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** The product's version, for clients that have proven who they are. */
  readonly version: string
  readonly snapshot: GatewaySnapshot
  readonly controls: readonly Control[]
  readonly evidence: EvidenceLog
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly limits?: Partial<GatewayLimits>
  /** Whether GET /metrics is answered here too, without a key. The admin listener is the better place. */
  readonly servesMetrics?: boolean
}

export interface Gateway {
  /** Opens the listener. Rejects with `gateway.cannot-listen`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Replaces keys and routes for every request that begins after this call. */
  swap(snapshot: GatewaySnapshot): void
  /** Turns not ready, accepts no more, lets what runs end for at most `graceMs`, then cuts it. */
  close(graceMs: number): Promise<void>
}

export function createGateway(_options: GatewayOptions): Gateway {
  throw new Error('being built')
}
