import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { outputOn, pinChildren, readLine, startOn, stop } from './processes.ts'

const ROOT = join(import.meta.dirname, '../..')
const REQUEST = readFileSync(join(ROOT, 'examples/income/request.json'))

const GATEWAY_CORE = 0
const WORKER_CORE = 1

/** The product, serving the example, with a key to call it. */
export interface Target {
  readonly pid: number
  readonly port: number
  /** A single-row inference on the wire. */
  readonly request: Buffer
  /** What requests have waited for since the start. */
  waits(): Promise<Waits>
  /** Entries of the transparency log. */
  logSize(): Promise<number>
}

export interface Waits {
  readonly inferenceMs: number
  readonly evidenceMs: number
}

const KeySchema = z.object({ key: z.string() })
const DemoSchema = z.object({ model: z.string() })
const ServerSchema = z.object({ socket: z.string() })
const PageSchema = z.object({ size: z.int() })

/**
 * Makes a state folder with the example in it, as a user would, and serves it: the gateway's process on one core, its
 * worker on the other.
 * @param command the command line to measure: `bin/sallyport`, or another build of it
 * @param cleanup gets what ends it and removes its state
 */
export async function startTarget(command: string, cleanup: AsyncDisposableStack): Promise<Target> {
  const state = mkdtempSync(join(tmpdir(), 'sallyport-bench-gateway-'))
  cleanup.defer(() => rmSync(state, { recursive: true, force: true }))
  const run = (...args: string[]) => outputOn(WORKER_CORE, command, [...args, '--json', '--state', state])
  const { model } = DemoSchema.parse(JSON.parse(await run('demo', '--once')))
  const { key } = KeySchema.parse(JSON.parse(await run('key', 'create', '--name', 'bench')))
  const child = startOn(GATEWAY_CORE, command, ['up', '--state', state, '--port', '0', '--admin-port', '0'])
  cleanup.defer(() => stop(child))
  const port = Number(await readLine(child, /^ *gateway +http:\/\/[^:]+:(\d+)/m))
  const pid = child.pid ?? 0
  pinChildren(pid, WORKER_CORE)
  return {
    pid,
    port,
    request: onTheWire(`/v2/models/${model}/infer`, { authorization: `Bearer ${key}` }),
    waits: async () => {
      const { socket } = ServerSchema.parse(JSON.parse(readFileSync(join(state, 'run/server.json'), 'utf8')))
      return readWaits(await getMetrics(socket))
    },
    logSize: async () => {
      const page = PageSchema.parse(JSON.parse(await run('audit', 'show', '--limit', '1')))
      return page.size
    },
  }
}

/** The same body for the floor as for the product, and the same headers where it has a use for them. */
export function onTheWire(path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(REQUEST.length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), REQUEST])
}

/** Asks the control plane on its socket, as the owner of the state folder may. */
async function getMetrics(socketPath: string): Promise<string> {
  const [response] = await once(get({ socketPath, path: '/metrics', host: 'localhost' }), 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk)
  return body
}

function readWaits(metrics: string): Waits {
  const read = (name: string) => {
    const [, value] = new RegExp(`^sallyport_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(metrics) ?? []
    if (value === undefined) throw new Error(`there is no metric ${name}`)
    return Number(value)
  }
  return {
    inferenceMs: read('inference_duration_seconds_sum') * 1000,
    evidenceMs: read('evidence_wait_seconds_sum') * 1000,
  }
}
