import { Worker } from 'node:worker_threads'
import { SallyportError } from '../../../core/index.ts'
import type { SqlValue } from '../parameters.ts'
import { sqliteError } from './sqlite-errors.ts'
import type { StatementResult, WorkerOptions, WorkerReply, WorkerRequest } from './sqlite-protocol.ts'

interface Waiting {
  resolve(result: StatementResult): void
  reject(error: SallyportError): void
}

// Run from source or built: the worker has the extension that this file has.
const WORKER = new URL(`./sqlite-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** The main thread's end of the database's thread. Requests are answered in their order. */
export class SqliteThread {
  readonly #worker: Worker
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #ended: SallyportError | undefined

  private constructor(options: WorkerOptions) {
    this.#path = options.path
    this.#worker = new Worker(WORKER, {
      name: 'sallyport-records',
      workerData: options,
      // It needs neither the secrets of the environment nor the flags of the process.
      env: {},
      execArgv: [],
    })
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply))
    this.#worker.on('error', (cause) => this.#end(cause))
    this.#worker.on('exit', () => this.#end(undefined))
  }

  /** @throws SallyportError why the file cannot be opened. */
  static async start(options: WorkerOptions): Promise<SqliteThread> {
    const thread = new SqliteThread(options)
    await thread.#answerTo(thread.#nextId++)
    return thread
  }

  async run(sql: string, parameters: readonly SqlValue[]): Promise<StatementResult> {
    return this.#request({ id: this.#nextId++, kind: 'query', sql, parameters })
  }

  async close(): Promise<void> {
    await this.#request({ id: this.#nextId++, kind: 'close' })
  }

  async #request(request: WorkerRequest): Promise<StatementResult> {
    if (this.#ended !== undefined) throw this.#ended
    const answer = this.#answerTo(request.id)
    this.#worker.postMessage(request)
    return answer
  }

  #answerTo(id: number): Promise<StatementResult> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('failure' in reply) waiting?.reject(sqliteError(reply.failure, this.#path))
    else waiting?.resolve(reply.result)
  }

  #end(cause: unknown): void {
    this.#ended ??= new SallyportError('storage.database-closed', `${this.#path} is closed`, {
      kind: 'unavailable',
      remedy: 'restart Sallyport if it was not being stopped',
      details: { path: this.#path },
      cause,
    })
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended)
    this.#waiting.clear()
  }
}
