import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { AuditLog } from '../../src/audit/index.ts'
import { elementCount, systemClock, type Tensor } from '../../src/core/index.ts'
import { manifestBytes, manifestId, NoteSigner, sha256 } from '../../src/crypto/index.ts'
import { ModelRuntime } from '../../src/runtime/index.ts'
import { pinChildren } from './processes.ts'

/**
 * What an exchange waits for besides the gateway: the worker's own answer, and the commit of its event. Each is asked
 * for alone, one call at a time, from a process that is pinned as the gateway is. Prints medians in milliseconds.
 */
const CALLS = 2_000
const WARM_UP_CALLS = 500
const EXAMPLE = join(import.meta.dirname, '../../examples/income')

async function measureWorker(): Promise<number> {
  const bytes = readFileSync(join(EXAMPLE, 'model/model.onnx'))
  const file = { path: 'model.onnx', sizeBytes: bytes.length, sha256: sha256(bytes) }
  const manifest = { schemaVersion: 1, kind: 'model', files: [file] } as const
  const model = { manifestBytes: manifestBytes(manifest), modelFile: { path: file.path, bytes } }
  const runtime = new ModelRuntime()
  const running = await runtime.load({ artifactId: manifestId(manifest), open: async () => model })
  pinChildren(process.pid, 1)
  const inputs = exampleInputs()
  const median = await medianMs(() => running.infer(inputs))
  await runtime.close()
  return median
}

const RequestSchema = z.object({
  inputs: z.array(
    z.discriminatedUnion('datatype', [
      z.object({
        name: z.string(),
        datatype: z.literal('FP32'),
        shape: z.array(z.int()),
        data: z.array(z.number()),
      }),
      z.object({
        name: z.string(),
        datatype: z.literal('BYTES'),
        shape: z.array(z.int()),
        data: z.array(z.string()),
      }),
    ]),
  ),
})

function exampleInputs(): Tensor[] {
  const { inputs } = RequestSchema.parse(JSON.parse(readFileSync(join(EXAMPLE, 'request.json'), 'utf8')))
  return inputs.map((input) => {
    if (elementCount(input.shape) !== 1) throw new Error('the example is a single row')
    return input.datatype === 'FP32' ? { ...input, data: Float32Array.from(input.data) } : input
  })
}

async function measureCommit(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-log-'))
  const origin = 'bench.example/log'
  const signer = NoteSigner.fromSeed(origin, Buffer.alloc(32, 7))
  const log = await AuditLog.open({ directory, signer, clock: systemClock, origin })
  const request = readFileSync(join(EXAMPLE, 'request.json'))
  const event = {
    type: 'exchange.served',
    data: {
      exchange: 'exc_01jd0000000000000000000000',
      model: 'income',
      version: '1',
      artifact: sha256(request),
      environment: 'production',
      status: 200,
      durationMs: 0.123,
      decisions: [{ control: 'input-schema', action: 'allow', durationMs: 0.002 }],
    },
    private: { key: 'abcdefghijkl', tenant: 'default' },
    commit: { request, response: request },
  }
  const median = await medianMs(() => log.append(event))
  await log.close()
  rmSync(directory, { recursive: true, force: true })
  return median
}

async function medianMs(call: () => Promise<unknown>): Promise<number> {
  const durations: number[] = []
  for (let index = 0; index < WARM_UP_CALLS + CALLS; index++) {
    const began = performance.now()
    await call()
    if (index >= WARM_UP_CALLS) durations.push(performance.now() - began)
  }
  return durations.sort((a, b) => a - b)[CALLS >> 1] ?? 0
}

const workerMs = await measureWorker()
const commitMs = await measureCommit()
console.log(JSON.stringify({ workerMs, commitMs }))
