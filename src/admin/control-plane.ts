import type { Readable } from 'node:stream'
import type { AuditLog } from '../audit/index.ts'
import type { EnvironmentName, EventId, Identity, ModelName, Scope, VersionName } from '../core/index.ts'
import type { ApiKeys } from '../identity/index.ts'
import type { Deployment, Deployments } from '../rollout/index.ts'
import type { Models, ModelVersion } from '../supply/index.ts'
import type { Status } from './schemas.ts'

/** Who asks something of the control plane: a proven API key, or the user who owns the state folder. */
export type Actor = { readonly kind: 'owner' } | { readonly kind: 'key'; readonly identity: Identity }

/** The actor as it stands, committed, in the log. */
export function actorName(actor: Actor): string {
  return actor.kind === 'owner' ? 'owner' : `key:${actor.identity.keyId}`
}

/** What the control plane's API serves. Reads go to the parts; what changes what is served goes through the methods. */
export interface ControlPlane {
  readonly models: Pick<Models, 'list' | 'show' | 'verify'>
  readonly keys: Pick<ApiKeys, 'list'>
  readonly deployments: Pick<Deployments, 'at' | 'current' | 'history'>
  readonly log: Pick<AuditLog, 'append' | 'read' | 'size' | 'prove' | 'checkpoint'>
  readonly logVerifierKey: string

  /** The identity behind an Authorization header; undefined when there is none that counts. */
  authenticate(authorization: string | undefined): Identity | undefined
  push(tar: Readable, actor: Actor): Promise<{ version: ModelVersion; isNew: boolean }>
  revokeVersion(model: ModelName, version: VersionName, reason: string, actor: Actor): Promise<void>
  deploy(
    model: ModelName,
    version: VersionName,
    environment: EnvironmentName,
    actor: Actor,
  ): Promise<Deployment>
  /** Takes a model out of an environment; gives the event. */
  withdraw(model: ModelName, environment: EnvironmentName, actor: Actor): Promise<EventId>
  createKey(request: CreateKeyRequest, actor: Actor): Promise<CreatedKey>
  revokeKey(keyId: string, actor: Actor): Promise<void>
  status(): Promise<Status>
  metrics(): Promise<string>
}

export interface CreateKeyRequest {
  readonly name: string
  readonly tenant: string
  readonly scopes: readonly Scope[]
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt?: number
}

export type CreatedKey = Awaited<ReturnType<ApiKeys['create']>>
