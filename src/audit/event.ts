import type { EventId, Sha256 } from '../core/index.ts'
import type { JsonValue } from '../crypto/index.ts'

/** What a wing tells the log. */
export interface EventInput {
  /** Dotted kebab-case, such as `exchange.served`. */
  readonly type: string
  /** Stands in the log in clear, for ever: never personal, never content. */
  readonly data?: Readonly<Record<string, JsonValue | undefined>>
  /** The log holds a salted commitment; the value stands in the side store, where it can be erased. */
  readonly private?: Readonly<Record<string, string | Uint8Array>>
  /** The log holds a salted commitment; the side store only the salt. Prompts, features, answers. */
  readonly commit?: Readonly<Record<string, string | Uint8Array>>
}

/** The event is durable: it is in the tree, and its tree head is signed and on disk. */
export interface Receipt {
  readonly id: EventId
  /** Zero-based place in the log. */
  readonly index: number
  readonly leafHash: Sha256
}

/** How the wings above write to the log. */
export type RecordEvent = (event: EventInput) => Promise<Receipt>

/** The public part of an entry: exactly what its leaf says. */
export interface LoggedEvent {
  readonly id: EventId
  readonly type: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly data: Readonly<Record<string, JsonValue>>
  /** SHA-256(domain || salt || value) by name, hex. */
  readonly commitments: Readonly<Record<string, Sha256>>
}

/** What the side store knows of a commitment. */
export type Opening =
  /** The salt in hex; the value was never kept. */
  | { readonly state: 'committed'; readonly salt: string }
  | { readonly state: 'kept'; readonly salt: string; readonly value: Buffer }
  | { readonly state: 'erased' }

/** An entry with all this machine holds about it. */
export interface LogEntry extends LoggedEvent {
  readonly index: number
  readonly leafHash: Sha256
  /** By the name of the commitment. */
  readonly openings: Readonly<Record<string, Opening>>
  /** The values that are kept and not erased. */
  readonly private: Readonly<Record<string, Buffer>>
}
