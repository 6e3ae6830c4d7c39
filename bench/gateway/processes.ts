import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** Processes of the benchmark: where they run, what they cost, how they end. Linux; elsewhere nothing is pinned. */

const TICKS_PER_SECOND = 100

export const canPin = ((): boolean => {
  try {
    execFileSync('taskset', ['-c', '1', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Starts a command on one core, and everything that it starts; its standard output is a pipe. */
export function startOn(core: number, command: string, args: readonly string[]): ChildProcess {
  const [file, rest] = canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, args]
  return spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The first line of a process's output that matches, as its first group. */
export async function readLine(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = ''
  if (child.stdout === null) throw new Error('the process has no output')
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    const [, found] = pattern.exec(text) ?? []
    if (found !== undefined) {
      // What comes later is nobody's, but a full pipe would stop the process.
      child.stdout.resume()
      return found
    }
  }
  throw new Error(`the process ended before it printed ${pattern}: ${text}`)
}

/** Runs a command to its end; gives what it printed. */
export async function outputOn(core: number, command: string, args: readonly string[]): Promise<string> {
  const child = startOn(core, command, args)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
  return text
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** Children, and their children. */
export function descendantsOf(parent: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => Number(field(pid, 'status', 'PPid')) === parent)
  return [...children, ...children.flatMap(descendantsOf)]
}

/** Moves the workers of a process to another core. */
export function pinChildren(parent: number, core: number): void {
  if (!canPin) return
  for (const pid of descendantsOf(parent)) {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
  }
}

/** User and system time of a process and its threads, in microseconds. */
export function cpuMicros(pid: number): number {
  // The second field is the command in parentheses, which may hold spaces.
  const [, rest = ''] = /\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  const fields = rest.split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6
}

export function residentMiB(pid: number): number {
  return Number(field(pid, 'status', 'VmRSS')?.split(' ')[0] ?? 0) / 1024
}

function field(pid: number, file: string, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
