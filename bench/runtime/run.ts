import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Tensor } from '../../src/core/index.ts'
import { DEFAULT_LIMITS, ModelWorker } from '../../src/runtime/index.ts'
import { OnnxSession } from '../../src/runtime/worker/onnx-session.ts'
import { identityModel, perceptronModel } from '../../test/support/models.ts'
import { verifiedModel } from '../../test/support/verified-model.ts'

// The session inside this process is the floor; its telemetry is off as it is in a worker.
process.env['ORT_DISABLE_TELEMETRY'] = '1'

const INCOME = join(import.meta.dirname, '../../examples/income')
const MIB = 1024 * 1024
const COLD_STARTS = 9

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1' } },
})
const rounds = Number(values.rounds)
const roundMs = Number(values.seconds) * 1000

interface Subject {
  readonly model: Uint8Array
  readonly inputs: readonly Tensor[]
  readonly callsAtOnce: number
  readonly maxBatchRows: number
}

const subjects: Readonly<Record<string, Subject>> = {
  perceptron: {
    model: perceptronModel(),
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 30], data: new Float32Array(30) }],
    callsAtOnce: 64,
    maxBatchRows: 1,
  },
  income: income(1),
  incomeBatched: income(32),
  megabyte: {
    model: identityModel('float'),
    inputs: [{ name: 'input', datatype: 'FP32', shape: [250_000, 1], data: new Float32Array(250_000) }],
    callsAtOnce: 8,
    maxBatchRows: 1,
  },
}

const models: Record<string, Awaited<ReturnType<typeof compare>>> = {}
for (const [name, subject] of Object.entries(subjects)) models[name] = await compare(subject)
const { coldStartMs, idle } = await starts(subjects['perceptron'])
console.log(JSON.stringify({ node: process.versions.node, rounds, models, coldStartMs, idle }, null, 2))

async function compare({ model, inputs, callsAtOnce, maxBatchRows }: Subject) {
  const session = new OnnxSession(model)
  const worker = await startWorker(model, maxBatchRows)
  const figures: Record<string, number[]> = {}
  const note = (name: string, value: number) => {
    figures[name] ??= []
    figures[name].push(value)
  }
  for (let round = -1; round < rounds; round++) {
    const inProcess = await durations(async () => session.run(inputs))
    const outside = await durations(() => worker.infer(inputs))
    const load = await underLoad(worker, inputs, callsAtOnce)
    if (round < 0) continue // warms both sides up
    note('inProcessP50Micros', inProcess)
    note('workerP50Micros', outside)
    note('addedP50Micros', outside - inProcess)
    for (const [name, value] of Object.entries(load)) note(name, value)
  }
  await worker.stop()
  return Object.fromEntries(Object.entries(figures).map(([name, all]) => [name, spread(all)]))
}

/** The median duration of calls made one after the other, in microseconds. */
async function durations(call: () => Promise<unknown>): Promise<number> {
  const all: number[] = []
  const end = performance.now() + roundMs
  for (let at = performance.now(); at < end; ) {
    await call()
    const now = performance.now()
    all.push((now - at) * 1000)
    at = now
  }
  return median(all)
}

async function underLoad(worker: ModelWorker, inputs: readonly Tensor[], callsAtOnce: number) {
  const before = worker.stats()
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const caller = async () => {
    while (performance.now() - startedAt < roundMs) await worker.infer(inputs)
  }
  await Promise.all(Array.from({ length: callsAtOnce }, caller))
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  const after = worker.stats()
  const calls = after.answered - before.answered
  return {
    callsPerSecond: (calls / elapsedMs) * 1000,
    gatewayMicrosPerCall: (user + system) / calls,
    modelMicrosPerCall: ((after.computeMs - before.computeMs) * 1000) / calls,
  }
}

async function starts(subject: Subject | undefined) {
  if (subject === undefined) throw new Error('no subject')
  const coldStarts: number[] = []
  const resident: number[] = []
  const proportional: number[] = []
  for (let count = 0; count < COLD_STARTS; count++) {
    const startedAt = performance.now()
    const worker = await startWorker(subject.model)
    await worker.infer(subject.inputs)
    coldStarts.push(performance.now() - startedAt)
    const { pid, residentBytes } = worker.stats()
    resident.push(residentBytes / MIB)
    proportional.push(proportionalBytes(pid) / MIB)
    await worker.stop()
  }
  return {
    coldStartMs: spread(coldStarts),
    idle: { residentMiB: spread(resident), proportionalMiB: spread(proportional) },
  }
}

function startWorker(model: Uint8Array, maxBatchRows = 1): Promise<ModelWorker> {
  const verified = verifiedModel(model)
  return ModelWorker.start(verified.artifactId, verified, { ...DEFAULT_LIMITS, maxBatchRows })
}

function proportionalBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024
}

function income(maxBatchRows: number): Subject {
  return {
    model: readFileSync(join(INCOME, 'model/model.onnx')),
    inputs: incomeRow(),
    callsAtOnce: 64,
    maxBatchRows,
  }
}

/** The first row of the example's request. */
function incomeRow(): Tensor[] {
  const request: {
    inputs: { name: string; datatype: 'BYTES' | 'FP32' | 'INT64'; data: (string | number)[] }[]
  } = JSON.parse(readFileSync(join(INCOME, 'request.json'), 'utf8'))
  return request.inputs.map(({ name, datatype, data }) => {
    const [value = 0] = data.flat()
    const head = { name, datatype, shape: [1, 1] }
    if (datatype === 'BYTES') return { ...head, data: [String(value)] }
    if (datatype === 'INT64') return { ...head, data: new BigInt64Array([BigInt(value)]) }
    return { ...head, data: new Float32Array([Number(value)]) }
  })
}

function median(all: readonly number[]): number {
  return all.toSorted((left, right) => left - right)[all.length >> 1] ?? 0
}

function spread(all: readonly number[]) {
  const round = (value: number) => Math.round(value * 100) / 100
  return { median: round(median(all)), min: round(Math.min(...all)), max: round(Math.max(...all)) }
}
