import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
const BIN = join(ROOT, 'bin/sallyport')
const REQUEST = readFileSync(join(ROOT, 'examples/income/request.json'), 'utf8')
const IDLE_MS = 5_000
const MIB = 1024 * 1024

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } })
const state = mkdtempSync(join(tmpdir(), 'sallyport-bench-start-'))
try {
  const { model } = JSON.parse(await output(['demo', '--once', '--json', '--state', state]))
  const { key } = JSON.parse(await output(['key', 'create', '--name', 'bench', '--json', '--state', state]))
  const rounds: Record<string, number>[] = []
  for (let round = 0; round < Number(values.rounds); round++) rounds.push(await measure(model, key))
  const figures = Object.keys(rounds[0] ?? {}).map((name) => [
    name,
    spread(rounds.map((each) => each[name] ?? 0)),
  ])
  console.log(JSON.stringify({ rounds: rounds.length, ...Object.fromEntries(figures) }, null, 2))
} finally {
  rmSync(state, { recursive: true, force: true })
}

async function measure(model: string, key: string): Promise<Record<string, number>> {
  const port = await freePort()
  const startedAt = performance.now()
  const server = spawn(BIN, ['up', '--state', state, '--port', String(port), '--admin-port', '0'], {
    stdio: 'ignore',
  })
  try {
    const url = `http://127.0.0.1:${port}/v2/models/${model}/infer`
    while (!(await answers(url, key))) {
      if (server.exitCode !== null) throw new Error('the server ended by itself')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const coldStartMs = performance.now() - startedAt
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    const processes = [server.pid ?? 0, ...childrenOf(server.pid ?? 0)].map(memoryOf)
    const sum = (name: 'pss' | 'rss') => processes.reduce((total, each) => total + each[name], 0) / MIB
    return {
      coldStartMs,
      pssMiB: sum('pss'),
      rssMiB: sum('rss'),
      serverRssMiB: (processes[0]?.rss ?? 0) / MIB,
      workerRssMiB: (processes[1]?.rss ?? 0) / MIB,
    }
  } finally {
    await stop(server)
  }
}

async function answers(url: string, key: string): Promise<boolean> {
  try {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: REQUEST })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

function memoryOf(pid: number): { pss: number; rss: number } {
  const kib = (file: string, field: string) =>
    Number(
      new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0,
    ) * 1024
  return { pss: kib('smaps_rollup', 'Pss'), rss: kib('status', 'VmRSS') }
}

/** Children and their children, nearest first. */
function childrenOf(parent: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent)
  return [...children, ...children.flatMap(childrenOf)]
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return 0
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  server.kill('SIGTERM')
  await once(server, 'exit')
}

async function output(args: readonly string[]): Promise<string> {
  const child = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${code}`)
  return text
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function spread(samples: readonly number[]): { median: number; min: number; max: number } {
  const sorted = [...samples].sort((a, b) => a - b)
  const round = (value: number | undefined) => Math.round((value ?? 0) * 10) / 10
  return {
    median: round(sorted[Math.floor(sorted.length / 2)]),
    min: round(sorted[0]),
    max: round(sorted.at(-1)),
  }
}
