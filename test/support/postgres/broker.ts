import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

declare module 'vitest' {
  interface ProvidedContext {
    /** Socket that tells any test where PostgreSQL is; the first one to ask has it started. */
    postgresBroker: string
  }
}

/** Starts PostgreSQL when the first test of the run asks for it: most runs need none. */
export class PostgresBroker {
  readonly socketPath: string
  readonly #folder: string
  readonly #server: Server
  #supervisor: ChildProcess | undefined
  #answer: Promise<string> | undefined

  private constructor() {
    // Only our account may enter: the answer holds the password.
    this.#folder = mkdtempSync(join(tmpdir(), 'sallyport-broker-'))
    this.socketPath = join(this.#folder, 'socket')
    this.#server = createServer(async (socket) => {
      this.#answer ??= this.#start()
      socket.on('error', () => {}).end(await this.#answer)
    })
  }

  static async open(): Promise<PostgresBroker> {
    const broker = new PostgresBroker()
    broker.#server.listen(broker.socketPath)
    await once(broker.#server, 'listening')
    return broker
  }

  async #start(): Promise<string> {
    const supervisor = spawn(process.execPath, [join(import.meta.dirname, 'supervisor.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // An interrupt at the terminal reaches it only through the end of its input.
      detached: true,
    })
    this.#supervisor = supervisor
    const failed = once(supervisor, 'exit').then(() => [JSON.stringify({ failure: 'the supervisor died' })])
    const line = once(createInterface({ input: supervisor.stdout }), 'line')
    const [answer] = await Promise.race([line, failed])
    return String(answer)
  }

  async close(): Promise<void> {
    this.#server.close()
    const supervisor = this.#supervisor
    if (supervisor !== undefined && supervisor.exitCode === null) {
      const exit = once(supervisor, 'exit')
      supervisor.stdin?.end()
      await exit
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
