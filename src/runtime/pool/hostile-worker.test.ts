import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { identityModel } from '../../../test/support/models.ts'
import { verifiedModel } from '../../../test/support/verified-model.ts'
import type { Tensor } from '../../core/index.ts'
import { DEFAULT_LIMITS, type WorkerLimits } from './limits.ts'
import { ModelWorker } from './model-worker.ts'

/**
 * Workers that lie: real processes in place of the honest program, written in JavaScript because they are made here. Each
 * reads the load frame, and may then call `ready`, `read` and `send`.
 */
const PRELUDE = `
import { readSync, writeSync } from 'node:fs'
const read = () => { const b = Buffer.alloc(65536); const n = readSync(3, b); if (n === 0) process.exit(0); return b.subarray(0, n) }
const send = (bytes) => { for (let o = 0; o < bytes.length;) o += writeSync(3, bytes, o) }
const frame = (kind, body = '', { callId = 1, status = 0, count = 1, length } = {}) => {
  const bytes = Buffer.concat([Buffer.alloc(16), Buffer.from(body)])
  bytes.writeUInt32LE(length ?? bytes.length - 16, 0)
  bytes.writeUInt32LE(callId, 4)
  bytes.writeUInt32LE((kind | status << 8 | count << 16) >>> 0, 8)
  return bytes
}
const json = (value) => { const t = JSON.stringify(value); return t.padEnd(Math.ceil(t.length / 8) * 8) }
const tensor = { name: 'input', datatype: 'FP32', shape: [-1, 1] }
const READY = { protocol: 1, digest: process.argv[2], inputs: [tensor], outputs: [{ ...tensor, name: 'output' }],
  versions: { node: '1', onnxruntime: '1' } }
const ready = (changes = {}) => send(frame(0x81, json({ ...READY, ...changes })))
const floats = (...words) => Buffer.from(new Uint32Array(words).buffer)
read()
`

let directory: string
const verified = verifiedModel(identityModel('float'))

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

let programs = 0

async function start(program: string, limits: Partial<WorkerLimits> = {}): Promise<ModelWorker> {
  const path = join(directory, `worker-${programs++}.mjs`)
  writeFileSync(path, PRELUDE + program)
  return ModelWorker.start(
    verified.artifactId,
    verified,
    { ...DEFAULT_LIMITS, ...limits },
    {
      tier: 'process',
      command: process.execPath,
      arguments: ['--disable-warning=ExperimentalWarning', path, verified.artifactId],
      environment: {},
      workingDirectory: directory,
    },
  )
}

const input: Tensor = { name: 'input', datatype: 'FP32', shape: [1, 1], data: new Float32Array(1) }

describe('a worker that does not answer the load frame as an honest one', () => {
  const cases: [string, string, string][] = [
    ['names another artifact', `ready({ digest: 'a'.repeat(64) }); read()`, 'runtime.digest-mismatch'],
    ['sends random bytes', `send(Buffer.alloc(4096, 0x5a)); read()`, 'runtime.protocol-violation'],
    [
      'announces a huge frame',
      `send(frame(0x81, '', { length: 0xfffffff0 })); read()`,
      'runtime.protocol-violation',
    ],
    ['answers a call before it is ready', `send(frame(0x83)); read()`, 'runtime.protocol-violation'],
    ['sends no JSON', `send(frame(0x81, '{"digest')); read()`, 'runtime.protocol-violation'],
    ['sends other JSON', `ready({ extra: 1 }); read()`, 'runtime.protocol-violation'],
    [
      'names a tensor with control characters',
      `ready({ inputs: [{ ...tensor, name: 'a\\n' }] }); read()`,
      'runtime.protocol-violation',
    ],
    ['names a tensor twice', `ready({ inputs: [tensor, tensor] }); read()`, 'runtime.protocol-violation'],
    [
      'sends more after READY',
      `const f = frame(0x81, json(READY)); send(Buffer.concat([f, f])); read()`,
      'runtime.protocol-violation',
    ],
    [
      'refuses with a code of its own',
      `send(frame(0x82, json({ code: 'x', reason: 'y' }))); read()`,
      'runtime.protocol-violation',
    ],
    ['ends', `process.exit(3)`, 'runtime.worker-start-failed'],
    [
      'closes its channel and stays',
      `(await import('node:fs')).closeSync(3); setInterval(() => {}, 1000)`,
      'runtime.worker-start-failed',
    ],
  ]

  test.each(cases)('because it %s, is killed', async (_, program, code) => {
    const outcome = await start(program)
      .then(
        // What comes behind READY may be seen only after it: then the worker dies at once.
        async (worker) => {
          await worker.exited
          return worker.infer([input])
        },
      )
      .catch((thrown: unknown) => thrown)
    if (program.includes('concat'))
      expect(outcome).toHaveProperty('kind', expect.stringMatching(/internal|unavailable/))
    else expect(outcome).toHaveProperty('code', code)
  })

  test('is quoted only in part and only in printable characters', async () => {
    const program = `process.stderr.write('\\x1b[31mred\\x1b[0m ' + 'x'.repeat(100000)); process.exit(3)`
    const error: unknown = await start(program).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'runtime.worker-start-failed' })
    const said = JSON.stringify(Reflect.get(Object(error), 'details'))
    expect(said).toContain('[31mred')
    expect(said).not.toContain('\\u001b')
    expect(said.length).toBeLessThan(400)
  })
})

describe('a worker that does not answer a call as an honest one', () => {
  const answer = 'floats(0 | (10 << 16) | (2 << 24), 4, 1, 1, 0x3f800000, 0)'
  const cases: [string, string][] = [
    ['answers a call that was not made', `read(); send(frame(0x83, ${answer}, { callId: 7 }))`],
    ['gives two tensors', `read(); send(frame(0x83, Buffer.concat([${answer}, ${answer}]), { count: 2 }))`],
    ['gives none', `read(); send(frame(0x83, '', { count: 0 }))`],
    ['gives another datatype', `read(); send(frame(0x83, floats(0 | (7 << 16) | (2 << 24), 4, 1, 1, 0, 0)))`],
    [
      'claims a shape that its data do not have',
      `read(); send(frame(0x83, floats(10 << 16 | 2 << 24, 4, 0xffffffff, 1, 0, 0)))`,
    ],
    ['sends a longer answer than it may', `read(); send(frame(0x83, Buffer.alloc(8192)))`],
    ['fails for no known reason', `read(); send(frame(0x84, '', { status: 99, count: 0 }))`],
    ['says READY again', `read(); ready()`],
    ['sends a frame of no kind', `read(); send(frame(0x55))`],
    ['sends a frame that is not padded', `read(); send(frame(0x83, Buffer.alloc(16), { length: 9 }))`],
  ]

  test.each(cases)('because it %s, is killed and its calls are refused', async (_, program) => {
    const worker = await start(`ready(); ${program}; read(); read()`, { maxAnswerBytes: 4096 })
    await expect(worker.infer([input])).rejects.toMatchObject({ code: 'runtime.worker-exited' })
    expect(await worker.exited).toMatchObject({ reason: 'protocol-violation', signal: 'SIGKILL' })
    expect(worker.isRunning).toBe(false)
  })

  test('because it answers before it is asked, is killed', async () => {
    const worker = await start(`ready(); setTimeout(() => { send(frame(0x83, ${answer})); read() }, 50)`)
    expect(await worker.exited).toMatchObject({ reason: 'protocol-violation', signal: 'SIGKILL' })
    await expect(worker.infer([input])).rejects.toMatchObject({ code: 'runtime.worker-exited' })
  })

  test('is believed when it is honest, so the programs above differ by their lie alone', async () => {
    const worker = await start(`ready(); read(); send(frame(0x83, ${answer})); read()`)
    expect(await worker.infer([input])).toEqual([
      { name: 'output', datatype: 'FP32', shape: [1, 1], data: new Float32Array([1]) },
    ])
    await worker.stop()
  })

  test('never gets past the reader, whatever it sends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (random) => {
        const hex = Buffer.from(random).toString('hex')
        const worker = await start(`ready(); read(); send(Buffer.from('${hex}', 'hex')); process.exit(0)`)
        await expect(worker.infer([input])).rejects.toMatchObject({ code: 'runtime.worker-exited' })
        expect((await worker.exited).reason).toMatch(/protocol-violation|crashed/)
      }),
      { numRuns: 10 },
    )
  })

  test('fills no memory of the gateway with words on its standard error', async () => {
    const worker = await start(
      `ready(); read(); for (let i = 0; i < 500; i++) writeSync(2, 'w'.repeat(65536)); send(frame(0x83, ${answer})); read()`,
    )
    const before = process.memoryUsage().rss
    expect(await worker.infer([input])).toHaveLength(1)
    expect(process.memoryUsage().rss - before).toBeLessThan(24 * 2 ** 20)
    await worker.stop()
  })
})
