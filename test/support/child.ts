import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** A program of test/support/children, run for real in a process of its own. */
export class Child {
  readonly #process: ChildProcessByStdio<null, Readable, null>
  readonly #lines: AsyncIterator<string>

  private constructor(process: ChildProcessByStdio<null, Readable, null>) {
    this.#process = process
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]()
  }

  /** @param fileLimitKiB the largest file that the process may write, as `ulimit -f` sets it. */
  static start(program: string, args: readonly string[], { fileLimitKiB = 0 } = {}): Child {
    const path = join(import.meta.dirname, 'children', program)
    const limit = fileLimitKiB === 0 ? '' : `ulimit -f ${fileLimitKiB * 2}; `
    const command = `${limit}exec "$0" "$@"`
    return new Child(
      spawn('sh', ['-c', command, process.execPath, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** The next line that it prints; undefined once it has ended. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next()
    return done === true ? undefined : value
  }

  /** The lines that it prints until it ends. */
  async rest(): Promise<string[]> {
    const lines: string[] = []
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line)
    return lines
  }

  /** Ends it with no chance to do anything more, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }
}
