import { Worker } from 'node:worker_threads'
import type { Finding } from '../../../core/index.ts'
import { findingOf } from '../report.ts'
import { ruleById } from '../rules.ts'
import {
  type Job,
  type JobDone,
  STATE_BYTES,
  STATE_JOB,
  STATE_LENGTH,
  STATE_STARTED,
  type WorkerInput,
} from './jobs.ts'
import type { ExaminedFile } from './unreadable.ts'

export interface ScanPoolOptions extends Omit<WorkerInput, 'state'> {
  /** Milliseconds a file may take before its worker is stopped. */
  readonly timeLimitMs: number
  /** Of the worker's heap. */
  readonly memoryLimitMiB: number
  readonly signal?: AbortSignal
  readonly onBytes?: (displayPath: string, bytes: number) => void
}

const WATCH_MS = 200
const BATCH = 32
/** Batches handed over before answers come back. */
const AHEAD = 2
/** The worker notices its own deadline first and says more about it. */
const GRACE_MS = 2_000

/**
 * Runs jobs in a worker thread with a limit of memory and time. A file that breaks a limit costs its worker, never the
 * process: it is reported, a new worker takes the rest.
 */
export async function* runJobs(
  jobs: AsyncIterable<Omit<Job, 'id'>>,
  options: ScanPoolOptions,
): AsyncGenerator<ExaminedFile> {
  const pool = new Pool(options)
  const source = jobs[Symbol.asyncIterator]()
  try {
    let isExhausted = false
    for (;;) {
      options.signal?.throwIfAborted()
      while (!isExhausted && pool.wants) {
        const batch: Omit<Job, 'id'>[] = []
        while (batch.length < BATCH) {
          const next = await source.next()
          if (next.done === true) {
            isExhausted = true
            break
          }
          batch.push(next.value)
        }
        if (batch.length > 0) pool.give(batch)
      }
      if (pool.isIdle) return
      yield* await pool.reports()
    }
  } finally {
    await pool.close()
    await source.return?.()
  }
}

class Pool {
  readonly #options: ScanPoolOptions
  readonly #pending = new Map<number, Job>()
  #done: ExaminedFile[] = []
  #wake: (() => void) | undefined
  #worker: Worker | undefined
  #state = new Float64Array(new SharedArrayBuffer(STATE_LENGTH * 8))
  #nextId = 1
  #watch: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: ScanPoolOptions) {
    this.#options = options
    options.signal?.addEventListener('abort', () => this.#wake?.(), { once: true })
  }

  get wants(): boolean {
    return this.#pending.size <= BATCH * (AHEAD - 1)
  }

  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#done.length === 0
  }

  give(batch: readonly Omit<Job, 'id'>[]): void {
    const jobs = batch.map((job): Job => ({ ...job, id: this.#nextId++ }))
    for (const job of jobs) this.#pending.set(job.id, job)
    this.#start().postMessage(jobs)
  }

  async reports(): Promise<ExaminedFile[]> {
    if (this.#done.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#options.signal?.throwIfAborted()
    const reports = this.#done
    this.#done = []
    return reports
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#watch)
    await this.#worker?.terminate()
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const { budget, allowGlobals, isExplained, known, memoryLimitMiB } = this.#options
    this.#state = new Float64Array(new SharedArrayBuffer(STATE_LENGTH * 8))
    const worker = new Worker(
      new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
      {
        workerData: { budget, allowGlobals, isExplained, known, state: this.#state.buffer },
        resourceLimits: { maxOldGenerationSizeMb: memoryLimitMiB, maxYoungGenerationSizeMb: 8 },
        env: workerEnvironment(),
      },
    )
    this.#worker = worker
    worker.on('message', (done: JobDone) => {
      this.#pending.delete(done.id)
      this.#done.push(done.report)
      this.#wake?.()
    })
    worker.on('error', (thrown: Error & { code?: string }) => {
      const isMemory = thrown.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#lose(
        worker,
        isMemory ? 'scan.memory-limit' : 'scan.failed',
        MESSAGE_OF[isMemory ? 'memory' : 'failed'],
      )
    })
    worker.on('exit', () => this.#lose(worker, 'scan.failed', MESSAGE_OF.failed))
    this.#watch ??= setInterval(() => this.#look(), WATCH_MS)
    return worker
  }

  #look(): void {
    const started = this.#state[STATE_STARTED] ?? 0
    const job = this.#pending.get(this.#state[STATE_JOB] ?? 0)
    if (started === 0 || job === undefined || this.#worker === undefined) return
    this.#options.onBytes?.(job.displayPath, this.#state[STATE_BYTES] ?? 0)
    if (Date.now() - started <= this.#options.timeLimitMs + GRACE_MS) return
    const worker = this.#worker
    this.#lose(worker, 'scan.time-limit', MESSAGE_OF.time)
    void worker.terminate()
  }

  /** The worker is gone: the file it was at is reported, the others go to the next. */
  #lose(worker: Worker, rule: string, message: string): void {
    if (this.#worker !== worker || this.#isClosed) return
    this.#worker = undefined
    const job = this.#pending.get(this.#state[STATE_JOB] ?? 0) ?? this.#pending.values().next().value
    if (job !== undefined) {
      this.#pending.delete(job.id)
      this.#done.push(lost(job, findingOf(ruleById(rule), message, { path: job.displayPath })))
    }
    const rest = [...this.#pending.values()]
    if (rest.length > 0) this.#start().postMessage(rest)
    this.#wake?.()
  }
}

/** The variables that the worker itself needs; the rest of the environment is no reader's business. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {}
  for (const name of ['SALLYPORT_DEBUG', 'NODE_COMPILE_CACHE', 'TMPDIR']) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}

const MESSAGE_OF = {
  time: 'examining the file took longer than it may, so it was stopped',
  memory: 'examining the file took more memory than it may, so it was stopped',
  failed: 'the scanner failed on the file',
} as const

function lost(job: Job, finding: Finding): ExaminedFile {
  return {
    path: job.displayPath,
    sizeBytes: 0,
    format: 'unread',
    verdict: 'inconclusive',
    findings: [finding],
    imports: [],
  }
}
