import type { ArtifactId, EnvironmentName, EventId, ModelName, VersionName } from '../core/index.ts'

/** The event that put a version into an environment. It is never edited; a later event supersedes it. */
export interface Deployment {
  readonly id: string
  readonly model: ModelName
  readonly version: VersionName
  readonly environment: EnvironmentName
  readonly artifactId: ArtifactId
  /** Milliseconds since the Unix epoch. */
  readonly deployedAt: number
  /** The deployment's leaf in the transparency log. */
  readonly eventId: EventId
}
