import type { AuditLog } from '../audit/index.ts'
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

export interface WithdrawRequest {
  readonly model: ModelName
  readonly environment: EnvironmentName
  /** Who asked; stands in the log only as a salted commitment. */
  readonly actor: string
}

export interface DeployRequest extends WithdrawRequest {
  readonly version: VersionName
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
    const row = await this.#change(request, { version, artifactId })
    return toDeployment(row, version, artifactId)
  }

  /**
   * Takes a model out of an environment; nothing of it is in force there from then on.
   * @throws SallyportError `rollout.nothing-deployed`
   */
  async withdraw(request: WithdrawRequest): Promise<EventId> {
    const inForce = (await this.current(request.environment)).some(({ model }) => model === request.model)
    if (!inForce) throw nothingDeployed(request)
    const { event_id } = await this.#change(request, undefined)
    return event_id
  }

  /** Every deployment that is in force now, at most one for each model. */
  async current(environment: EnvironmentName): Promise<Deployment[]> {
    return this.at(environment, Number.MAX_SAFE_INTEGER)
  }

  /** What was in force at a time (milliseconds since the Unix epoch), at most one for each model. */
  async at(environment: EnvironmentName, epochMs: number): Promise<Deployment[]> {
    const rows = await this.#rows(environment)
    const latest = new Map(rows.filter((row) => row.deployed_at <= epochMs).map((row) => [row.model, row]))
    return [...latest.values()].flatMap(deploymentOf)
  }

  /** All deployments of an environment, oldest first. */
  async history(environment: EnvironmentName): Promise<Deployment[]> {
    return (await this.#rows(environment)).flatMap(deploymentOf)
  }

  /** Where a version is in force now. */
  async environmentsOf(model: ModelName, version: VersionName): Promise<EnvironmentName[]> {
    const seen = await this.#parts.database.kysely
      .selectFrom('deployments')
      .select('environment')
      .distinct()
      .where('model', '=', model)
      .where('version', '=', version)
      .execute()
    const environments = seen.map(({ environment }) => environment as EnvironmentName)
    const inForce = await Promise.all(environments.map((environment) => this.current(environment)))
    return environments.filter((_, index) =>
      inForce[index]?.some((deployment) => deployment.model === model && deployment.version === version),
    )
  }

  #rows(environment: EnvironmentName): Promise<DeploymentTable[]> {
    return this.#parts.database.kysely
      .selectFrom('deployments')
      .selectAll()
      .where('environment', '=', environment)
      .where('event_id', 'is not', null)
      .orderBy('deployed_at')
      .execute()
  }

  /** Row, event, completion: see the class. `put` is what is in force afterwards; nothing for a withdrawal. */
  async #change(
    { model, environment, actor }: WithdrawRequest,
    put: { readonly version: VersionName; readonly artifactId: ArtifactId } | undefined,
  ): Promise<DeploymentTable & { readonly event_id: EventId }> {
    const now = this.#parts.clock.now()
    const row: DeploymentTable = {
      id: sortableId('dep', now),
      model,
      version: put?.version ?? null,
      environment,
      artifact_id: put?.artifactId ?? null,
      deployed_at: await this.#afterLatest(environment, model, now),
      log_size_before: this.#parts.log.size,
      event_id: null,
    }
    const { kysely } = this.#parts.database
    await kysely.insertInto('deployments').values(row).execute()
    const receipt = await this.#parts.log.append({
      type: put === undefined ? 'deployment.withdrawn' : 'deployment.created',
      data: { deployment: row.id, model, environment, version: put?.version, artifact: put?.artifactId },
      private: { actor },
    })
    await kysely.updateTable('deployments').set({ event_id: receipt.id }).where('id', '=', row.id).execute()
    return { ...row, event_id: receipt.id }
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
    const receipt = await this.#parts.log.append({
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
      const isChange = entry.type === 'deployment.created' || entry.type === 'deployment.withdrawn'
      if (isChange && entry.data['deployment'] === row.id) return entry.id
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

/** The deployment that a row stands for; a withdrawal's row stands for none. */
function deploymentOf(row: DeploymentTable): Deployment[] {
  if (row.version === null || row.artifact_id === null) return []
  return [toDeployment(row, row.version as VersionName, row.artifact_id as ArtifactId)]
}

function toDeployment(row: DeploymentTable, version: VersionName, artifactId: ArtifactId): Deployment {
  return {
    id: row.id,
    model: row.model as ModelName,
    version,
    environment: row.environment as EnvironmentName,
    artifactId,
    deployedAt: row.deployed_at,
    eventId: row.event_id as EventId,
  }
}

function nothingDeployed({ model, environment }: WithdrawRequest): SallyportError {
  return new SallyportError(
    'rollout.nothing-deployed',
    `nothing of '${model}' is in force in '${environment}'`,
    {
      kind: 'conflict',
      remedy: 'see what is: sallyport model which --env ENVIRONMENT',
    },
  )
}
