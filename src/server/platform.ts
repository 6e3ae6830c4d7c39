import type { Readable } from 'node:stream'
import {
  type Actor,
  actorName,
  type ControlPlane,
  type CreatedKey,
  type CreateKeyRequest,
  type Status,
} from '../admin/index.ts'
import { AuditLog } from '../audit/index.ts'
import {
  type ArtifactId,
  type EnvironmentName,
  type EventId,
  type Identity,
  type ModelName,
  SallyportError,
  systemClock,
  VERSION,
  type VersionName,
} from '../core/index.ts'
import { Keystore } from '../crypto/index.ts'
import { ApiKeys, type IdentityTables, identityMigrations, type KeySnapshot } from '../identity/index.ts'
import { createLogger, type Logger, Metrics } from '../observe/index.ts'
import { type Deployment, Deployments, type RolloutTables, rolloutMigrations } from '../rollout/index.ts'
import { acquireStateLock, BlobStore, type Database, openDatabase, type StateLock } from '../storage/index.ts'
import { Models, type ModelVersion, readTar, type SupplyTables, supplyMigrations } from '../supply/index.ts'
import { type Config, resolveSecret } from './config.ts'
import { logOrigin } from './log-identity.ts'
import type { Serving } from './serving.ts'
import { beginStateFolder, isStateFolder, openStateFolder, type StateFolder } from './state-folder.ts'

export interface PlatformOptions {
  readonly statePath: string
  /** Whether to make the state folder, its keys and its log when there is none. */
  readonly create: boolean
  /** Who holds the folder, for the message to the next one who wants it. */
  readonly holder: string
  readonly config: Config
  /** Environment variables, for secrets given by reference. */
  readonly environment: NodeJS.ProcessEnv
}

type Tables = IdentityTables & SupplyTables & RolloutTables

/** Made once, by the start that makes the state folder. */
export interface FirstStart {
  /** The admin credential, to be shown once. */
  readonly adminKey: string
}

/** The first start itself acts for the owner of the folder. */
const OWNER: Actor = { kind: 'owner' }

interface Parts {
  readonly folder: StateFolder
  readonly lock: StateLock
  readonly config: Config
  readonly log: AuditLog
  readonly database: Database<Tables>
  readonly keys: ApiKeys
  readonly models: Models
  readonly logVerifierKey: string
}

/**
 * Everything behind one state folder, owned by one process at a time. Opening it acquires the folder, recovers the log
 * and the records, and proves the keystore; nothing listens yet.
 */
export class Platform implements ControlPlane {
  readonly folder: StateFolder
  readonly config: Config
  readonly log: AuditLog
  readonly keys: ApiKeys
  readonly models: Models
  readonly logVerifierKey: string
  readonly logger: Logger
  /** Present only in the process that made the state folder. */
  firstStart: FirstStart | undefined
  readonly meters = new Metrics({ processMetrics: true })
  readonly #parts: Parts
  #deployments: Deployments | undefined
  #serving: Serving | undefined
  #keySnapshot: KeySnapshot | undefined

  private constructor(parts: Parts) {
    this.#parts = parts
    this.folder = parts.folder
    this.config = parts.config
    this.log = parts.log
    this.keys = parts.keys
    this.models = parts.models
    this.logVerifierKey = parts.logVerifierKey
    this.logger = createLogger({ level: parts.config.log.level })
  }

  /**
   * @throws SallyportError what is wrong with the folder, its lock, its keys, its log or its records; the state is left
   * as it was.
   */
  static async open(options: PlatformOptions): Promise<Platform> {
    const { statePath, create, config } = options
    const beginning = create && !isStateFolder(statePath) ? beginStateFolder(statePath) : undefined
    const folder = beginning?.folder ?? openStateFolder(statePath)
    const isNew = beginning !== undefined
    await using cleanup = new AsyncDisposableStack()
    const lock = await acquireStateLock(folder.path, options.holder)
    cleanup.defer(() => lock.release())
    const keystore = await Keystore.open(folder.keys, { create: isNew })
    const origin = logOrigin(folder)
    const signer = keystore.logSigner(origin)
    const log = await AuditLog.open({
      directory: folder.log,
      signer,
      origin,
      clock: systemClock,
      create: isNew,
    })
    cleanup.defer(() => log.close())
    const record = log.append.bind(log)
    const database = await openDatabase<Tables>(databaseUrl(folder, options), [
      ...identityMigrations,
      ...supplyMigrations,
      ...rolloutMigrations,
    ])
    cleanup.defer(() => database.close())
    const keys = new ApiKeys(database, keystore.pepper(), systemClock, record)
    await keys.settle()
    const blobs = await BlobStore.open(folder.blobs)
    const models = await Models.open({
      database,
      blobs,
      signingKey: keystore.modelSigningKey(),
      policy: config.admission,
      clock: systemClock,
      log,
    })
    const platform = new Platform({
      folder,
      lock,
      config,
      log,
      database,
      keys,
      models,
      logVerifierKey: signer.verifier.vkey,
    })
    platform.#deployments = await Deployments.open({
      database,
      log,
      clock: systemClock,
      prove: (model, version, environment) => platform.#prove(model, version, environment),
    })
    await platform.#refreshKeys()
    if (beginning !== undefined) {
      platform.firstStart = await platform.#begin()
      beginning.finish()
    }
    cleanup.move()
    return platform
  }

  get deployments(): Deployments {
    if (this.#deployments === undefined) throw new Error('the platform is not open')
    return this.#deployments
  }

  /** From now on changes of keys and deployments reach what is served. */
  attach(serving: Serving): void {
    this.#serving = serving
  }

  detach(): void {
    this.#serving = undefined
  }

  get keySnapshot(): KeySnapshot {
    if (this.#keySnapshot === undefined) throw new Error('the platform is not open')
    return this.#keySnapshot
  }

  authenticate(authorization: string | undefined): Identity | undefined {
    const outcome = this.keySnapshot.authenticate(authorization, systemClock.now())
    return outcome.kind === 'api-key' ? outcome : undefined
  }

  async push(tar: Readable, actor: Actor): Promise<{ version: ModelVersion; isNew: boolean }> {
    return this.models.push(readTar(tar), { pushedBy: actorName(actor) })
  }

  async revokeVersion(model: ModelName, version: VersionName, reason: string, actor: Actor): Promise<void> {
    await this.models.revoke(model, version, { reason, revokedBy: actorName(actor) })
    const environments = await this.deployments.environmentsOf(model, version)
    for (const environment of environments) {
      await this.deployments.withdraw({ model, environment, actor: actorName(actor) })
    }
    await this.#serving?.refresh()
  }

  async withdraw(model: ModelName, environment: EnvironmentName, actor: Actor): Promise<EventId> {
    const eventId = await this.deployments.withdraw({ model, environment, actor: actorName(actor) })
    await this.#serving?.refresh()
    return eventId
  }

  async deploy(
    model: ModelName,
    version: VersionName,
    environment: EnvironmentName,
    actor: Actor,
  ): Promise<Deployment> {
    const deployment = await this.deployments.deploy({ model, version, environment, actor: actorName(actor) })
    await this.#serving?.refresh()
    return deployment
  }

  async createKey(request: CreateKeyRequest, actor: Actor): Promise<CreatedKey> {
    const created = await this.keys.create(request, actorName(actor))
    await this.#refreshKeys()
    return created
  }

  async revokeKey(keyId: string, actor: Actor): Promise<void> {
    await this.keys.revoke(keyId, actorName(actor))
    await this.#refreshKeys()
  }

  async status(): Promise<Status> {
    return {
      instance: this.folder.instance,
      version: VERSION,
      environment: this.config.environment,
      database: this.#parts.database.dialect,
      isServing: this.#serving !== undefined,
      logSize: this.log.size,
      models: this.#serving?.status() ?? [],
    }
  }

  metrics(): Promise<string> {
    return this.meters.render()
  }

  /** Frees the folder. Everything acknowledged is durable already; closing only makes the next start quicker. */
  async close(): Promise<void> {
    const { database, log, lock } = this.#parts
    await database.close()
    await log.close()
    await lock.release()
  }

  /** An earlier attempt may have died before it could show its credential; nobody has that one. */
  async #begin(): Promise<FirstStart> {
    await this.log.append({
      type: 'state.created',
      data: { instance: this.folder.instance, version: VERSION },
    })
    for (const { keyId, revokedAt } of await this.keys.list()) {
      if (revokedAt === null) await this.revokeKey(keyId, OWNER)
    }
    const created = await this.createKey({ name: 'admin', tenant: 'default', scopes: ['admin'] }, OWNER)
    return { adminKey: created.key }
  }

  async #prove(model: ModelName, version: VersionName, environment: EnvironmentName): Promise<ArtifactId> {
    if (this.#serving !== undefined && environment === this.config.environment) {
      return this.#serving.prepare(model, version)
    }
    return (await this.models.open(model, version)).artifactId
  }

  async #refreshKeys(): Promise<void> {
    this.#keySnapshot = await this.keys.snapshot()
    this.#serving?.swap()
  }
}

function databaseUrl(folder: StateFolder, options: PlatformOptions): string {
  const reference = options.config.database.url
  if (reference === undefined) return `sqlite:${folder.records}`
  const url = resolveSecret(reference, options.environment)
  if (/^postgres(?:ql)?:\/\//.test(url)) return url
  throw new SallyportError('config.database-url', 'the database URL is not a postgres:// URL', {
    kind: 'invalid',
    remedy: 'correct the secret that database.url refers to, or leave database.url out to use SQLite',
  })
}
