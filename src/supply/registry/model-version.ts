import type {
  ArtifactId,
  EventId,
  ManifestFile,
  ModelName,
  ModelSchema,
  Sha256,
  VersionName,
} from '../../core/index.ts'
import type { Lineage } from '../lineage/index.ts'

/** An admitted artifact under a name and a number. Nothing of it ever changes but its history, which only grows. */
export interface ModelVersion {
  readonly model: ModelName
  /** `1`, `2`, … within a model. */
  readonly version: VersionName
  readonly artifactId: ArtifactId
  readonly status: 'admitted' | 'revoked'
  /** Milliseconds since the Unix epoch. */
  readonly admittedAt: number
  /** The admission's leaf in the transparency log. */
  readonly eventId: EventId
  readonly description: string
  readonly licence: string
  readonly framework?: { readonly name: string; readonly version?: string }
  readonly schema: ModelSchema
  /** Most rows of different calls that may run as one; the package says that they do not influence each other. */
  readonly maxBatchRows?: number
  readonly lineage: Lineage
  readonly files: readonly ManifestFile[]
  readonly signature: {
    /** The blob that holds the OMS bundle. */
    readonly bundle: Sha256
    /** SHA-256 of the signing key's PEM text, the hint in the bundle. */
    readonly keyHint: Sha256
  }
  /** Oldest first; the first is the admission. */
  readonly history: readonly StatusChange[]
}

export interface StatusChange {
  readonly status: 'admitted' | 'revoked'
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** Who asked for it. */
  readonly by: string
  readonly reason?: string
}
