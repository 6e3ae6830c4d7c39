/**
 * How many events a second the transparency log makes durable, and what each costs in processor time. See README.md.
 * Prints one line of JSON.
 */
import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AuditLog, type EventInput } from '../../src/audit/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { NoteSigner } from '../../src/crypto/index.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    clients: { type: 'string', default: '64' },
    directory: { type: 'string', default: tmpdir() },
  },
})
const events = Number(values.events)
const clients = Number(values.clients)

const requestBody = Buffer.from(
  JSON.stringify({
    inputs: Array.from({ length: 13 }, (_, i) => ({
      name: `feature-${i}`,
      datatype: 'FP32',
      shape: [1],
      data: [i],
    })),
  }),
)
const responseBody = Buffer.from(
  JSON.stringify({ outputs: [{ name: 'probability', datatype: 'FP32', shape: [1, 2], data: [0.25, 0.75] }] }),
)

function exchangeServed(count: number): EventInput {
  return {
    type: 'exchange.served',
    data: {
      artifact: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      decisions: [{ action: 'allow', control: 'input-schema', durationMs: 0.031 }],
      durationMs: 1.25 + (count % 100) / 100,
      environment: 'production',
      exchange: `exc_01jd0000000000${count.toString().padStart(12, '0')}`,
      model: 'income',
      status: 200,
      version: '1',
    },
    private: { key: 'abcdefghijkl', tenant: 'acme' },
    commit: { request: requestBody, response: responseBody },
  }
}

const directory = await mkdtemp(join(values.directory, 'audit-bench-'))
const signer = NoteSigner.fromSeed('bench.example/log', Buffer.alloc(32, 7))
const options = { directory, signer, clock: systemClock, origin: 'bench.example/log' }
const log = await AuditLog.open(options)

/** Processor time of one SHA-256 of a node of the tree: what this machine, as busy as it is, makes of the smallest step. */
function sha256Micros(): number {
  const node = Buffer.alloc(65)
  const rounds = 100_000
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) hash('sha256', node, 'binary')
  const { user, system } = process.cpuUsage(before)
  return (user + system) / rounds
}

let issued = 0
const waits = new Float64Array(events)
async function client(): Promise<void> {
  while (issued < events) {
    const own = issued++
    const startedAt = performance.now()
    await log.append(exchangeServed(own))
    waits[own] = performance.now() - startedAt
  }
}
const run = async (count: number) => {
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  const { commits } = log.stats()
  await Promise.all(Array.from({ length: clients }, client))
  const cpu = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - startedAt) / 1000
  return {
    seconds,
    cpuMicros: (cpu.user + cpu.system) / count,
    userMicros: cpu.user / count,
    commits: log.stats().commits - commits,
  }
}
// Warm up a twentieth, so that what is measured is compiled code.
issued = Math.floor(events * 0.95)
await run(events - issued)
issued = 0
const { commits: before, totalCommitMs } = log.stats()
const hashBefore = sha256Micros()
const result = await run(events)
const hashAfter = sha256Micros()
const after = log.stats()
await log.close()
const openedAt = performance.now()
const again = await AuditLog.open(options)
const openMs = performance.now() - openedAt
await again.close()
await rm(directory, { recursive: true })

const round = (value: number) => Math.round(value * 100) / 100
waits.sort()
console.log(
  JSON.stringify({
    events,
    clients,
    eventsPerSecond: Math.round(events / result.seconds),
    cpuMicrosPerEvent: round(result.cpuMicros),
    userMicrosPerEvent: round(result.userMicros),
    sha256Micros: round((hashBefore + hashAfter) / 2),
    eventsPerCommit: round(events / result.commits),
    commitMs: round((after.totalCommitMs - totalCommitMs) / (after.commits - before)),
    waitMs: { p50: round(waits[events >> 1] ?? 0), p99: round(waits[Math.floor(events * 0.99)] ?? 0) },
    openMs: round(openMs),
  }),
)
