import { type ArtifactId, type Tensor, toSallyportError } from '../../core/index.ts'
import { DEFAULT_LIMITS, type WorkerLimits } from './limits.ts'
import { type InferOptions, ModelWorker, type WorkerStats } from './model-worker.ts'
import { refusals } from './refusals.ts'
import type { RuntimeEvent } from './runtime-event.ts'
import type { VerifiedModel } from './verified-model.ts'
import type { WorkerMetadata } from './worker-metadata.ts'

/** When a worker that ended is started again. */
export interface RestartPolicy {
  /** The first restart is immediate; the second waits this long, each further one twice as long. */
  readonly firstDelayMs: number
  readonly longestDelayMs: number
  /** This many starts or short lives in a row are a crash loop. */
  readonly crashLoopAfter: number
  /** A worker that lived this long ends the row. */
  readonly stableAfterMs: number
}

export const DEFAULT_RESTARTS: RestartPolicy = {
  firstDelayMs: 100,
  longestDelayMs: 30_000,
  crashLoopAfter: 5,
  stableAfterMs: 30_000,
}

export interface ModelRuntimeOptions {
  readonly limits?: Partial<WorkerLimits>
  readonly restarts?: Partial<RestartPolicy>
  /** Told of what happens to workers; must not throw. */
  readonly onEvent?: (event: RuntimeEvent) => void
}

/** A model to run, which can be opened again for each new worker, so that it is verified each time and not kept. */
export interface ModelSource {
  /** What every worker of it must prove it loaded. */
  readonly artifactId: ArtifactId
  /** Reads and verifies the stored model. @throws when it may no longer run */
  open(): Promise<VerifiedModel>
}

/** Models that run, each in a worker of its own. */
export class ModelRuntime {
  readonly #limits: WorkerLimits
  readonly #restarts: RestartPolicy
  readonly #onEvent: (event: RuntimeEvent) => void
  readonly #models = new Set<RunningModel>()

  constructor(options: ModelRuntimeOptions = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#restarts = { ...DEFAULT_RESTARTS, ...options.restarts }
    this.#onEvent = options.onEvent ?? (() => {})
  }

  /**
   * Starts a worker for the model and keeps one running until the model is stopped.
   * @throws SallyportError what `ModelWorker.start` and the source throw; nothing is left running then
   */
  async load(source: ModelSource, limits: Partial<WorkerLimits> = {}): Promise<RunningModel> {
    const model = await RunningModel.start(
      source,
      { ...this.#limits, ...limits },
      this.#restarts,
      this.#onEvent,
      () => this.#models.delete(model),
    )
    this.#models.add(model)
    return model
  }

  /** Stops all models, giving calls that run up to `graceMs`. */
  async close(graceMs = 0): Promise<void> {
    await Promise.all([...this.#models].map((model) => model.stop(graceMs)))
  }
}

/** A model that answers calls until it is stopped, whatever becomes of its workers. */
export class RunningModel {
  readonly artifactId: ArtifactId
  readonly #source: ModelSource
  readonly #limits: WorkerLimits
  readonly #restarts: RestartPolicy
  readonly #onEvent: (event: RuntimeEvent) => void
  readonly #onStopped: () => void
  #worker: ModelWorker
  #readyAt = performance.now()
  #startMs = 0
  /** Failed starts and short lives in a row. */
  #failures = 0
  /** When the next start is expected to be done, in monotonic milliseconds. */
  #expectedAt = 0
  #timer: NodeJS.Timeout | undefined
  #starting: Promise<void> | undefined
  #isStopped = false

  static async start(
    source: ModelSource,
    limits: WorkerLimits,
    restarts: RestartPolicy,
    onEvent: (event: RuntimeEvent) => void,
    onStopped: () => void,
  ): Promise<RunningModel> {
    const startedAt = performance.now()
    const worker = await ModelWorker.start(source.artifactId, await source.open(), limits)
    const model = new RunningModel(source, limits, restarts, onEvent, onStopped, worker)
    model.#accept(worker, performance.now() - startedAt)
    return model
  }

  private constructor(
    source: ModelSource,
    limits: WorkerLimits,
    restarts: RestartPolicy,
    onEvent: (event: RuntimeEvent) => void,
    onStopped: () => void,
    worker: ModelWorker,
  ) {
    this.artifactId = source.artifactId
    this.#source = source
    this.#limits = limits
    this.#restarts = restarts
    this.#onEvent = onEvent
    this.#onStopped = onStopped
    this.#worker = worker
  }

  /** Of the newest worker that was ready. */
  get metadata(): WorkerMetadata {
    return this.#worker.metadata
  }

  /** True while a worker has the model loaded and takes calls. */
  isReady(): boolean {
    return !this.#isStopped && this.#worker.isRunning
  }

  /**
   * One call; see `ModelWorker.infer`. While there is no worker it is refused at once.
   * @throws SallyportError `runtime.worker-unavailable` (unavailable) with `details.retryAfterMs`,
   * `runtime.worker-stopped` (unavailable), and what `ModelWorker.infer` throws
   */
  infer(inputs: readonly Tensor[], options?: InferOptions): Promise<Tensor[]> {
    if (this.#isStopped) return Promise.reject(refusals.stopped())
    if (!this.#worker.isRunning) return Promise.reject(refusals.unavailable(this.#retryAfterMs()))
    return this.#worker.infer(inputs, options)
  }

  /** Of the newest worker. */
  stats(): WorkerStats {
    return this.#worker.stats()
  }

  /** Takes no more calls, lets those that run end for up to `graceMs`, then ends the worker. Idempotent. */
  async stop(graceMs = 0): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#starting
    await this.#worker.stop(graceMs)
    this.#onStopped()
  }

  #accept(worker: ModelWorker, startMs: number): void {
    this.#worker = worker
    this.#readyAt = performance.now()
    this.#startMs = Math.round(startMs)
    const { digest, tier } = worker.metadata
    const { pid } = worker.stats()
    this.#onEvent({
      type: 'worker.ready',
      data: { artifact: this.artifactId, digest, tier, pid, startMs: this.#startMs },
    })
    void worker.exited.then(({ reason, exitCode, signal, detail }) => {
      this.#onEvent({
        type: 'worker.exited',
        data: { artifact: this.artifactId, pid, reason, exitCode, signal, detail: detail ?? null },
      })
      if (performance.now() - this.#readyAt >= this.#restarts.stableAfterMs) this.#failures = 0
      this.#restart()
    })
  }

  /** Counts a failure and plans the next start; gives its delay. */
  #restart(): number {
    const { firstDelayMs, longestDelayMs, crashLoopAfter } = this.#restarts
    this.#failures++
    const doubled = this.#failures === 1 ? 0 : firstDelayMs * 2 ** (this.#failures - 2)
    const isLoop = this.#failures >= crashLoopAfter
    const delayMs = isLoop ? longestDelayMs : Math.min(doubled, longestDelayMs)
    if (this.#isStopped) return delayMs
    if (this.#failures === crashLoopAfter) {
      this.#onEvent({
        type: 'worker.crash-loop',
        data: { artifact: this.artifactId, failures: this.#failures, retryInMs: delayMs },
      })
    }
    this.#expectedAt = performance.now() + delayMs + this.#startMs
    this.#timer = setTimeout(() => {
      this.#starting = this.#startAgain()
    }, delayMs)
    return delayMs
  }

  async #startAgain(): Promise<void> {
    const startedAt = performance.now()
    try {
      const worker = await ModelWorker.start(this.artifactId, await this.#source.open(), this.#limits)
      this.#accept(worker, performance.now() - startedAt)
    } catch (thrown) {
      const { code } = toSallyportError(thrown)
      const retryInMs = this.#restart()
      this.#onEvent({ type: 'worker.start-failed', data: { artifact: this.artifactId, code, retryInMs } })
    }
  }

  #retryAfterMs(): number {
    return Math.max(1, Math.ceil(this.#expectedAt - performance.now()))
  }
}
