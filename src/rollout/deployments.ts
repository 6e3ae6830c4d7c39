import type { AuditLog, EventInput, Receipt } from '../audit/index.ts'
import {
  type ArtifactId,
  type Clock,
  type EnvironmentName,
  type EventId,
  isName,
  type ModelName,
  SallyportError,
  sortableId,
  toSallyportError,
  type VersionName,
} from '../core/index.ts'
import type { Database } from '../storage/index.ts'
import type { Deployment } from './deployment.ts'
import type { DeploymentTable, RolloutTables } from './migrations.ts'

export interface DeployRequest {
  readonly model: ModelName
  readonly version: VersionName
  readonly environment: EnvironmentName
  /** Who asked; stands in the log only as a salted commitment. */
  readonly actor: string
}

/** What deploying needs from the wings around it. */
export interface DeploymentParts {
  readonly database: Database<RolloutTables>
  readonly log: Pick<AuditLog, 'append' | 'read' | 'size'>
  readonly clock: Clock
  /**
   * Proves that the version may run now: admitted, not revoked, bytes and signature intact; where this process serves
   * the environment, also that a worker has loaded it. Throws the refusal.
   */
  readonly prove: (
    model: ModelName,
    version: VersionName,
    environment: EnvironmentName,
  ) => Promise<ArtifactId>
}

/**
 * Which version runs where, as a history of events. A row is written before its log event and completed after it, so a
 * crash in between leaves a row without an event, which `open` completes from the log or forgets; it was never
 * acknowledged either way.
 */
export class Deployments {
  readonly #parts: DeploymentParts

  private constructor(parts: DeploymentParts) {
    this.#parts = parts
  }

  static async open(parts: DeploymentParts): Promise<Deployments> {
    const deployments = new Deployments(parts)
    await deployments.#recover()
    return deployments
  }

  /**
   * Puts a version into an environment.
   * @throws SallyportError whatever `prove` refuses with, after the refusal itself was logged as `deployment.refused`.
   */
  async deploy(request: DeployRequest): Promise<Deployment> {
    const { model, version, environment } = request
    requireEnvironment(environment)
    let artifactId: ArtifactId
    try {
      artifactId = await this.#parts.prove(model, version, environment)
    } catch (thrown) {
      throw await this.#refuse(request, toSallyportError(thrown))
    }
    const now = this.#parts.clock.now()
    const row: DeploymentTable = {
      id: sortableId('dep', now),
      model,
      version,
      environment,
      artifact_id: artifactId,
      deployed_at: await this.#afterLatest(environment, model, now),
      log_size_before: this.#parts.log.size,
      event_id: null,
    }
    const table = this.#parts.database.kysely
    await table.insertInto('deployments').values(row).execute()
    const receipt = await this.#record({
      type: 'deployment.created',
      data: { deployment: row.id, model, version, environment, artifact: artifactId },
      private: { actor: request.actor },
    })
    await table.updateTable('deployments').set({ event_id: receipt.id }).where('id', '=', row.id).execute()
    return toDeployment({ ...row, event_id: receipt.id })
  }

  /** Every deployment that is in force now, at most one for each model. */
  async current(environment: EnvironmentName): Promise<Deployment[]> {
    return this.at(environment, Number.MAX_SAFE_INTEGER)
  }

  /** What was in force at a time (milliseconds since the Unix epoch), at most one for each model. */
  async at(environment: EnvironmentName, epochMs: number): Promise<Deployment[]> {
    const rows = await this.#parts.database.kysely
      .selectFrom('deployments')
      .selectAll()
      .where('environment', '=', environment)
      .where('deployed_at', '<=', epochMs)
      .where('event_id', 'is not', null)
      .orderBy('deployed_at')
      .execute()
    const latest = new Map(rows.map((row) => [row.model, row]))
    return [...latest.values()].map(toDeployment)
  }

  /** All deployments of an environment, oldest first. */
  async history(environment: EnvironmentName): Promise<Deployment[]> {
    const rows = await this.#parts.database.kysely
      .selectFrom('deployments')
      .selectAll()
      .where('environment', '=', environment)
      .where('event_id', 'is not', null)
      .orderBy('deployed_at')
      .execute()
    return rows.map(toDeployment)
  }

  /** Two deployments of one model never share a time, so that "which was in force at T" has one answer. */
  async #afterLatest(environment: string, model: string, now: number): Promise<number> {
    const latest = await this.#parts.database.kysely
      .selectFrom('deployments')
      .select('deployed_at')
      .where('environment', '=', environment)
      .where('model', '=', model)
      .orderBy('deployed_at', 'desc')
      .limit(1)
      .executeTakeFirst()
    return latest === undefined ? now : Math.max(now, latest.deployed_at + 1)
  }

  async #refuse(request: DeployRequest, refusal: SallyportError): Promise<SallyportError> {
    const receipt = await this.#record({
      type: 'deployment.refused',
      data: {
        model: request.model,
        version: request.version,
        environment: request.environment,
        code: refusal.code,
      },
      private: { actor: request.actor },
    })
    return new SallyportError(refusal.code, refusal.message, {
      kind: refusal.kind,
      details: { ...refusal.details, event: receipt.id },
      cause: refusal.cause,
      ...(refusal.remedy === undefined ? {} : { remedy: refusal.remedy }),
    })
  }

  #record(event: EventInput): Promise<Receipt> {
    return this.#parts.log.append(event)
  }

  async #recover(): Promise<void> {
    const table = this.#parts.database.kysely
    const pending = await table.selectFrom('deployments').selectAll().where('event_id', 'is', null).execute()
    for (const row of pending) {
      const eventId = await this.#findEvent(row)
      if (eventId === undefined) {
        await table.deleteFrom('deployments').where('id', '=', row.id).execute()
      } else {
        await table.updateTable('deployments').set({ event_id: eventId }).where('id', '=', row.id).execute()
      }
    }
  }

  async #findEvent(row: DeploymentTable): Promise<EventId | undefined> {
    for await (const entry of this.#parts.log.read(row.log_size_before, this.#parts.log.size)) {
      if (entry.type === 'deployment.created' && entry.data['deployment'] === row.id) return entry.id
    }
    return undefined
  }
}

function requireEnvironment(environment: string): void {
  if (isName(environment)) return
  throw new SallyportError('rollout.environment-invalid', 'the name of the environment is not valid', {
    kind: 'invalid',
    remedy: 'use 1 to 63 of a-z 0-9 . _ - beginning and ending with a letter or digit',
  })
}

function toDeployment(row: DeploymentTable): Deployment {
  return {
    id: row.id,
    model: row.model as ModelName,
    version: row.version as VersionName,
    environment: row.environment as EnvironmentName,
    artifactId: row.artifact_id as ArtifactId,
    deployedAt: row.deployed_at,
    eventId: row.event_id as EventId,
  }
}
