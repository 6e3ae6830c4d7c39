import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const REPOSITORY = join(import.meta.dirname, '../..')
const BIN = join(REPOSITORY, 'bin/sallyport')

/** How long a server may take to answer on a busy machine. */
const START_TIMEOUT_MS = 60_000

/** A new empty directory that is gone after the test that made it, if the test calls `remove`. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the CLI to its end, as a user would. */
export async function sallyport(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const child = spawn(BIN, args, {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child)
  const [code] = await once(child, 'close')
  return { code, stdout: output.stdout(), stderr: output.stderr() }
}

/** Runs a command of the CLI with `--json` and gives what it printed. */
export async function sallyportJson(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<unknown> {
  const { code, stdout, stderr } = await sallyport([...args, '--json'], options)
  if (code !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

export interface ServerProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly gatewayUrl: string
  readonly adminUrl: string
  /** Everything it has printed. */
  output(): string
  /** The admin credential, at the first start. */
  readonly adminKey: string | undefined
  /** Asks it to stop and waits. */
  stop(): Promise<number | null>
  /** SIGKILL, and waits. */
  kill(): Promise<void>
}

export interface ServerOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Largest file the server may write, in KiB: a disk that becomes full. */
  readonly fileLimitKib?: number
}

/** A server in a process of its own, on free ports, ready to answer. */
export async function startServerProcess(state: string, options: ServerOptions = {}): Promise<ServerProcess> {
  const command = [BIN, 'up', '--state', state, '--port', '0', '--admin-port', '0']
  const limited = ['bash', '-c', `ulimit -f ${options.fileLimitKib}; exec "$@"`, 'bash', ...command]
  const [file = '', ...args] = options.fileLimitKib === undefined ? command : limited
  const child = spawn(file, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child)
  const closed = once(child, 'close')
  const deadline = Date.now() + START_TIMEOUT_MS
  const find = (pattern: RegExp) => pattern.exec(output.stdout())?.[1]
  while (find(/^ {2}admin {4}(\S+)/m) === undefined || find(/^ {2}gateway {2}(\S+)/m) === undefined) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`the server did not start: ${output.stderr()}${output.stdout()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return {
    child,
    pid: child.pid ?? 0,
    gatewayUrl: find(/^ {2}gateway {2}(\S+)/m) ?? '',
    adminUrl: find(/^ {2}admin {4}(\S+)/m) ?? '',
    adminKey: find(/admin credential, shown this once: (\S+)/),
    output: () => output.stdout() + output.stderr(),
    async stop() {
      child.kill('SIGTERM')
      const [code] = await closed
      return code
    },
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

function collect(child: ChildProcess): { stdout(): string; stderr(): string } {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return { stdout: () => stdout, stderr: () => stderr }
}
