import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { ProtocolViolation } from '../protocol/index.ts'
import type { Launch } from '../sandbox/index.ts'
import { refusals } from './refusals.ts'
import type { ExitReason, WorkerExit } from './worker-exit.ts'

const MAX_COMPLAINT = 300
const EXIT_GRACE_MS = 500

/** A process with a channel on its descriptor 3, which can end for one reason only: the first that was found. */
export class WorkerProcess {
  readonly tier: Launch['tier']
  readonly channel: Duplex
  /** Fulfilled when the process is gone; never rejects. */
  readonly exited: Promise<WorkerExit>
  readonly #child: ChildProcess
  #reason: ExitReason | undefined
  #detail: string | undefined
  #isGone = false
  #complaint = ''
  #spawnError: Error | undefined
  #onChunk: (chunk: Buffer<ArrayBuffer>) => void = () => {}
  #onEnd: () => void = () => {}

  constructor(launch: Launch) {
    this.tier = launch.tier
    this.#child = spawn(launch.command, launch.arguments, {
      cwd: launch.workingDirectory,
      env: launch.environment,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      windowsHide: true,
    })
    this.exited = new Promise((resolve) => {
      const gone = (exitCode: number | null, signal: string | null) => {
        this.#isGone = true
        resolve({ reason: this.#reason ?? 'crashed', exitCode, signal, detail: this.#detail })
        this.#onEnd()
      }
      this.#child.once('exit', gone)
      this.#child.once('error', (error) => {
        this.#spawnError = error
        if (this.#child.pid === undefined) gone(null, null)
      })
    })
    const channel = this.#child.stdio[3]
    if (!(channel instanceof Duplex)) throw refusals.notSpawned(this.#spawnError)
    this.channel = channel
    // A write to a worker that is gone: its exit says so.
    channel.on('error', () => {})
    channel.on('data', (chunk: Buffer<ArrayBuffer>) => this.#receive(chunk))
    // Without its channel a worker is of no use, and an honest one has ended already.
    channel.once('close', () => this.#child.kill('SIGKILL'))
    this.#child.stderr?.setEncoding('latin1')
    this.#child.stderr?.on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(0, MAX_COMPLAINT)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return !this.#isGone && this.#reason === undefined
  }

  get spawnError(): Error | undefined {
    return this.#spawnError
  }

  /**
   * The beginning of what the process wrote to its standard error, printable. To be shown only of a process that has not
   * seen an input yet, because a model can make the library write there.
   */
  get complaint(): string {
    return this.#complaint.replace(/[^\x20-\x7e]+/g, ' ').trim()
  }

  /**
   * @param onChunk takes what the worker sends; a ProtocolViolation that it throws ends the process
   * @param onEnd is called when nothing more will come, at least once
   */
  listen(onChunk: (chunk: Buffer<ArrayBuffer>) => void, onEnd: () => void): void {
    this.#onChunk = onChunk
    this.#onEnd = onEnd
    if (!this.isRunning) onEnd()
  }

  /** Ends the process at once. Only the first reason counts. */
  kill(reason: ExitReason, detail?: string): void {
    if (this.#reason === undefined && !this.#isGone) {
      this.#reason = reason
      this.#detail = detail
    }
    this.#child.kill('SIGKILL')
    this.channel.destroy()
    this.#onEnd()
  }

  /** Closes the channel, on which an idle worker ends by itself; one that does not is killed. */
  close(): void {
    if (!this.isRunning) return
    this.#reason = 'stopped'
    this.channel.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), EXIT_GRACE_MS)
    void this.exited.then(() => clearTimeout(timer))
  }

  /** Resident memory in bytes; 0 where the platform cannot tell. */
  residentBytes(): number {
    if (process.platform !== 'linux' || this.#isGone) return 0
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'latin1')
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }

  #receive(chunk: Buffer<ArrayBuffer>): void {
    if (!this.isRunning) return
    try {
      this.#onChunk(chunk)
    } catch (thrown) {
      if (!(thrown instanceof ProtocolViolation)) throw thrown
      this.kill('protocol-violation', thrown.message)
    }
  }
}
