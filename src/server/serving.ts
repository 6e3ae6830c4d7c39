import type { Status } from '../admin/index.ts'
import { inputSchema } from '../controls/index.ts'
import {
  type ArtifactId,
  type EnvironmentName,
  type ModelName,
  SallyportError,
  systemClock,
  toSallyportError,
  VERSION,
  type VersionName,
} from '../core/index.ts'
import { createGateway, type Gateway, type GatewaySnapshot, type Route } from '../gateway/index.ts'
import { ModelRuntime, type RunningModel, type VerifiedModel } from '../runtime/index.ts'
import type { ModelVersion } from '../supply/index.ts'
import type { Platform } from './platform.ts'

/** How long calls of a version that was replaced may still run. */
const REPLACED_GRACE_MS = 10_000

/** A version whose worker runs. */
interface Loaded {
  readonly record: ModelVersion
  readonly running: RunningModel
}

/** A version that is deployed and could not be loaded. */
interface Refused {
  readonly artifactId: ArtifactId
  readonly refusal: SallyportError
}

/**
 * What is served: the workers of the versions in force and the gateway in front of them. It follows the deployments of
 * one environment; a change is loaded first, swapped in as a whole, and what it replaced is stopped after that.
 */
export class Serving {
  readonly gateway: Gateway
  readonly #platform: Platform
  readonly #runtime: ModelRuntime
  readonly #loaded = new Map<ArtifactId, Loaded>()
  readonly #refused = new Map<string, Refused>()
  #routes: GatewaySnapshot['routes'] = new Map()
  #refreshing: Promise<void> = Promise.resolve()

  constructor(platform: Platform) {
    this.#platform = platform
    const { config, log, logger, meters } = platform
    this.#runtime = new ModelRuntime({
      limits: { loadTimeoutMs: config.runtime.loadTimeoutMs, inferTimeoutMs: config.runtime.inferTimeoutMs },
      onEvent: (event) =>
        void log.append(event).catch((error) => logger.error('a worker event was not recorded', { error })),
    })
    this.gateway = createGateway({
      host: config.gateway.host,
      port: config.gateway.port,
      version: VERSION,
      snapshot: this.#snapshot(),
      controls: [inputSchema()],
      evidence: log,
      metrics: meters,
      logger,
      clock: systemClock,
      limits: {
        maxBodyBytes: config.gateway.bodyLimitBytes,
        maxConcurrent: config.gateway.maxConcurrentExchanges,
        headersTimeoutMs: config.gateway.headersTimeoutMs,
        requestTimeoutMs: config.gateway.requestTimeoutMs,
        inferTimeoutMs: config.runtime.inferTimeoutMs,
      },
    })
  }

  /**
   * Proves a version and has a worker load it, before it is deployed.
   * @throws SallyportError the refusal of the registry or of the worker.
   */
  async prepare(model: ModelName, version: VersionName): Promise<ArtifactId> {
    const opened = await this.#platform.models.open(model, version)
    if (this.#loaded.has(opened.artifactId)) return opened.artifactId
    // The first worker gets the bytes that were just verified; a later one gets bytes that are verified for it.
    let verified: VerifiedModel | undefined = opened
    const source = {
      artifactId: opened.artifactId,
      open: async () => {
        const bytes = verified ?? (await this.#platform.models.open(model, version))
        verified = undefined
        return bytes
      },
    }
    const maxBatchRows = Math.min(
      opened.versionRecord.maxBatchRows ?? 1,
      this.#platform.config.runtime.maxBatchRows,
    )
    const running = await this.#runtime.load(source, { maxBatchRows })
    this.#loaded.set(opened.artifactId, { record: opened.versionRecord, running })
    return opened.artifactId
  }

  /** Brings what is served in line with the deployments; one refresh at a time, in order. */
  refresh(): Promise<void> {
    this.#refreshing = this.#refreshing.then(
      () => this.#refresh(),
      () => this.#refresh(),
    )
    return this.#refreshing
  }

  /** Puts the current keys and routes before the gateway. */
  swap(): void {
    this.gateway.swap(this.#snapshot())
  }

  status(): Status['models'] {
    const serving = [...this.#loaded.values()].map(({ record, running }) => ({
      model: record.model,
      version: record.version,
      artifact: record.artifactId,
      isReady: running.isReady(),
    }))
    const refused = [...this.#refused].map(([reference, { artifactId, refusal }]) => {
      const [model = '', version = ''] = reference.split('@')
      return { model, version, artifact: artifactId, isReady: false, reason: refusal.code }
    })
    return [...serving, ...refused]
  }

  /** The digest that the worker of a version computed itself. */
  workerDigest(artifactId: ArtifactId): ArtifactId | undefined {
    return this.#loaded.get(artifactId)?.running.metadata.digest
  }

  async close(graceMs: number): Promise<void> {
    await this.gateway.close(graceMs)
    await this.#runtime.close(graceMs)
  }

  async #refresh(): Promise<void> {
    const { deployments, models, config, log, logger } = this.#platform
    const environment = config.environment as EnvironmentName
    const inForce = await deployments.current(environment)
    const routes = new Map<ModelName, readonly Route[]>()
    const kept = new Set<ArtifactId>()
    this.#refused.clear()
    for (const { model, version, artifactId } of inForce) {
      try {
        await this.prepare(model, version)
      } catch (thrown) {
        const refusal = toSallyportError(thrown)
        this.#refused.set(`${model}@${version}`, { artifactId, refusal })
        await log.append({
          type: 'model.load-refused',
          data: { model, version, artifact: artifactId, code: refusal.code },
        })
        logger.error('a deployed version was refused', {
          model,
          version,
          artifact: artifactId,
          code: refusal.code,
        })
        routes.set(model, [refusedRoute(await models.show(model, version), environment, refusal)])
        continue
      }
      const loaded = this.#loaded.get(artifactId)
      if (loaded === undefined) continue
      kept.add(artifactId)
      routes.set(model, [toRoute(loaded, environment)])
    }
    this.#routes = routes
    this.swap()
    for (const [artifactId, { running }] of this.#loaded) {
      if (kept.has(artifactId)) continue
      this.#loaded.delete(artifactId)
      await running.stop(REPLACED_GRACE_MS)
    }
  }

  #snapshot(): GatewaySnapshot {
    return { keys: this.#platform.keySnapshot, routes: this.#routes }
  }
}

/** A version that is in force but was refused: it is named, it is not ready, and it answers nothing. */
function refusedRoute(record: ModelVersion, environment: EnvironmentName, refusal: SallyportError): Route {
  return {
    ...identityOf(record, environment),
    // Why it was refused is for the operator, in the log and in the status.
    infer: () =>
      Promise.reject(
        new SallyportError('serving.version-refused', 'this version is not served', {
          kind: 'unavailable',
          remedy: 'ask the operator of this service',
          cause: refusal,
        }),
      ),
    isReady: () => false,
  }
}

function toRoute({ record, running }: Loaded, environment: EnvironmentName): Route {
  return {
    ...identityOf(record, environment),
    infer: (inputs, options) => running.infer(inputs, options),
    isReady: () => running.isReady(),
  }
}

function identityOf(record: ModelVersion, environment: EnvironmentName) {
  return {
    model: record.model,
    version: record.version,
    environment,
    artifactId: record.artifactId,
    schema: record.schema,
    platform: 'onnxruntime_onnx',
    isDefault: true,
  }
}
