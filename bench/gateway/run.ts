import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import {
  canPin,
  cpuMicros,
  descendantsOf,
  outputOn,
  readLine,
  residentMiB,
  startOn,
  stop,
} from './processes.ts'
import { onTheWire, startTarget, type Target, type Waits } from './target.ts'

/** See README.md for the method. Prints a table, then one JSON object. */
const { values } = parseArgs({
  options: {
    command: { type: 'string', default: join(import.meta.dirname, '../../bin/sallyport') },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    soak: { type: 'string', default: '0' },
  },
})
const rounds = Number(values.rounds)
const durationMs = Number(values.seconds) * 1000
const connections = Number(values.connections)
/** Until the compiler has done its work: some twenty thousand requests. */
const WARM_UP_MS = 8_000
const SERVER_CORE = 0
const LOAD_CORE = 1
const here = (file: string) => join(import.meta.dirname, file)

const ReportSchema = z.object({
  answers: z.int(),
  statuses: z.record(z.string(), z.int()),
  requestsPerSecond: z.number(),
  latencyMs: z.object({ mean: z.number(), p50: z.number(), p99: z.number() }),
  brokenConnections: z.int(),
})
type Report = z.infer<typeof ReportSchema>
const PartsSchema = z.object({ workerMs: z.number(), commitMs: z.number() })

interface Server {
  readonly pid: number
  readonly port: number
  readonly request: Buffer
  waits?(): Promise<Waits>
}

async function load(server: Server, clients: number, forMs: number): Promise<Report> {
  const options = {
    port: server.port,
    connections: clients,
    durationMs: forMs,
    request: server.request.toString('base64'),
  }
  const text = await outputOn(LOAD_CORE, process.execPath, [here('load-process.ts'), JSON.stringify(options)])
  const report = ReportSchema.parse(JSON.parse(text))
  if (report.statuses['200'] !== report.answers || report.brokenConnections > 0) {
    throw new Error(`not every request was answered: ${text}`)
  }
  return report
}

const NO_WAITS: Waits = { inferenceMs: 0, evidenceMs: 0 }

interface Measured {
  readonly rps: number
  readonly cpuMicros: number
  readonly p99Ms: number
  readonly aloneMs: number
  readonly aloneMeanMs: number
  /** Means of one client alone, as the gateway itself measures them. */
  readonly inferenceMs: number
  readonly evidenceMs: number
}

/** Requests a second under load and what each costs the server's process, then the latency of one client alone. */
async function measure(server: Server): Promise<Measured> {
  const before = cpuMicros(server.pid)
  const busy = await load(server, connections, durationMs)
  const cpuMicrosEach = (cpuMicros(server.pid) - before) / busy.answers
  const waitsBefore = (await server.waits?.()) ?? NO_WAITS
  const alone = await load(server, 1, durationMs / 2)
  const waits = (await server.waits?.()) ?? NO_WAITS
  const each = (name: 'inferenceMs' | 'evidenceMs') => (waits[name] - waitsBefore[name]) / alone.answers
  return {
    rps: busy.requestsPerSecond,
    cpuMicros: cpuMicrosEach,
    p99Ms: busy.latencyMs.p99,
    aloneMs: alone.latencyMs.p50,
    aloneMeanMs: alone.latencyMs.mean,
    inferenceMs: each('inferenceMs'),
    evidenceMs: each('evidenceMs'),
  }
}

const spread = (all: readonly number[]) => {
  const sorted = [...all].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  return { median: at(0.5), least: at(0), most: at(1) }
}

interface Result {
  readonly floor: Measured
  readonly gateway: Measured
  readonly parts: z.infer<typeof PartsSchema>
}

async function compare(floor: Server, gateway: Server) {
  for (const server of [floor, gateway]) await load(server, connections, WARM_UP_MS)
  const results: Result[] = []
  for (let round = 0; round < rounds; round++) {
    // The order alternates, so that neither has always the quieter half.
    const first = await measure(round % 2 === 0 ? floor : gateway)
    const second = await measure(round % 2 === 0 ? gateway : floor)
    const parts = PartsSchema.parse(
      JSON.parse(await outputOn(SERVER_CORE, process.execPath, [here('parts.ts')])),
    )
    results.push({
      floor: round % 2 === 0 ? first : second,
      gateway: round % 2 === 0 ? second : first,
      parts,
    })
  }
  const over = (pick: (result: Result) => number) => spread(results.map(pick))
  return {
    floorRps: over((each) => each.floor.rps),
    gatewayRps: over((each) => each.gateway.rps),
    ratio: over((each) => each.gateway.rps / each.floor.rps),
    floorCpuMicros: over((each) => each.floor.cpuMicros),
    gatewayCpuMicros: over((each) => each.gateway.cpuMicros),
    floorAloneP50Ms: over((each) => each.floor.aloneMs),
    gatewayAloneP50Ms: over((each) => each.gateway.aloneMs),
    workerP50Ms: over((each) => each.parts.workerMs),
    commitWaitP50Ms: over((each) => each.parts.commitMs),
    addedP50Ms: over((each) => each.gateway.aloneMs - each.parts.workerMs - each.parts.commitMs),
    gatewayAloneMeanMs: over((each) => each.gateway.aloneMeanMs),
    inferenceMeanMs: over((each) => each.gateway.inferenceMs),
    evidenceMeanMs: over((each) => each.gateway.evidenceMs),
    addedMeanMs: over(({ gateway }) => gateway.aloneMeanMs - gateway.inferenceMs - gateway.evidenceMs),
    gatewayP99Ms: over((each) => each.gateway.p99Ms),
  }
}

/** Load for a while: are there as many entries as answers, and does memory grow in the second half? */
async function soak(target: Target, seconds: number) {
  const entriesBefore = await target.logSize()
  const samples: number[] = []
  const pids = [target.pid, ...descendantsOf(target.pid)]
  const sampler = setInterval(() => samples.push(pids.reduce((sum, pid) => sum + residentMiB(pid), 0)), 500)
  const report = await load(target, connections, seconds * 1000)
  clearInterval(sampler)
  const entries = (await target.logSize()) - entriesBefore
  const mean = (all: readonly number[]) => all.reduce((sum, each) => sum + each, 0) / all.length
  const half = samples.slice(samples.length >> 1)
  return {
    seconds,
    answers: report.answers,
    entries,
    lostEvents: report.answers - entries,
    residentMiBThirdQuarter: mean(half.slice(0, half.length >> 1)),
    residentMiBFourthQuarter: mean(half.slice(half.length >> 1)),
  }
}

await using cleanup = new AsyncDisposableStack()
const floorProcess = startOn(SERVER_CORE, process.execPath, [here('floor.ts')])
cleanup.defer(() => stop(floorProcess))
const target = await startTarget(values.command, cleanup)
const floorPort = Number(await readLine(floorProcess, /^(\d+)$/m))
const floor: Server = { pid: floorProcess.pid ?? 0, port: floorPort, request: onTheWire('/', {}) }
const comparison = rounds > 0 ? await compare(floor, target) : undefined
for (const [name, { median, least, most }] of Object.entries(comparison ?? {})) {
  console.log(
    `${name.padEnd(20)} ${median.toFixed(3).padStart(10)}   (${least.toFixed(3)} to ${most.toFixed(3)})`,
  )
}
const soaked = Number(values.soak) > 0 ? await soak(target, Number(values.soak)) : undefined
if (soaked !== undefined) console.table(soaked)
console.log(JSON.stringify({ isPinned: canPin, rounds, connections, ...comparison, soak: soaked }))
