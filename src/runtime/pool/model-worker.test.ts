import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  endlessModel,
  externalDataModel,
  IDENTITY_TYPES,
  identityModel,
  memoryBombModel,
} from '../../../test/support/models.ts'
import { verifiedModel } from '../../../test/support/verified-model.ts'
import { DATATYPES, type Tensor } from '../../core/index.ts'
import { datatypeOf, writeOnnx } from '../../formats/index.ts'
import { DEFAULT_LIMITS, type WorkerLimits } from './limits.ts'
import { ModelWorker } from './model-worker.ts'

const MIB = 2 ** 20
const running: ModelWorker[] = []

async function start(model: Uint8Array, limits: Partial<WorkerLimits> = {}): Promise<ModelWorker> {
  const verified = verifiedModel(model)
  const worker = await ModelWorker.start(verified.artifactId, verified, { ...DEFAULT_LIMITS, ...limits })
  running.push(worker)
  return worker
}

const floats = (...values: number[]): Tensor => ({
  name: 'input',
  datatype: 'FP32',
  shape: [values.length, 1],
  data: new Float32Array(values),
})
const one: Tensor = { name: 'input', datatype: 'FP32', shape: [1], data: new Float32Array(1) }

/** For the tests after which it is as it was before. */
let shared: ModelWorker

beforeAll(async () => {
  const verified = verifiedModel(identityModel('float'))
  shared = await ModelWorker.start(verified.artifactId, verified, DEFAULT_LIMITS)
})

afterEach(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.stop()))
})

afterAll(() => shared.stop())

describe('a worker', () => {
  test('names the artifact it loaded and what the model declares', async () => {
    const model = identityModel('float', ['batch', 3])
    const { metadata } = await start(model)
    const tensor = { datatype: 'FP32', shape: [-1, 3] }
    expect(metadata).toEqual({
      digest: verifiedModel(model).artifactId,
      inputs: [{ name: 'input', ...tensor }],
      outputs: [{ name: 'output', ...tensor }],
      versions: { node: process.versions.node, onnxruntime: '1.30.0' },
      tier: 'process',
    })
  })

  const samples: Readonly<Record<Tensor['datatype'], Tensor['data']>> = {
    BOOL: new Uint8Array([0, 1, 1]),
    UINT8: new Uint8Array([0, 1, 255]),
    UINT16: new Uint16Array([0, 1, 65535]),
    UINT32: new Uint32Array([0, 1, 4294967295]),
    UINT64: new BigUint64Array([0n, 1n, 2n ** 64n - 1n]),
    INT8: new Int8Array([0, -1, -128]),
    INT16: new Int16Array([0, -1, -32768]),
    INT32: new Int32Array([0, -1, -2147483648]),
    INT64: new BigInt64Array([0n, -1n, -(2n ** 63n)]),
    FP16: new Uint16Array([0, 0x3c00, 0xfc00]),
    FP32: new Float32Array([0, -1.5, Number.POSITIVE_INFINITY]),
    FP64: new Float64Array([0, Number.MIN_VALUE, Number.MAX_VALUE]),
    BYTES: ['', 'Master’s degree', `${'long '.repeat(20)}😀`],
  }

  test('takes and gives tensors of every datatype unchanged', async () => {
    const types = IDENTITY_TYPES.map((type) => ({ type, datatype: datatypeOf(type) ?? 'BYTES' }))
    const worker = await start(
      writeOnnx({
        opsets: [{ domain: '', version: 17 }],
        graph: {
          name: 'every-type',
          inputs: types.map(({ type }) => ({ name: `in-${type}`, type, shape: ['n', 1] })),
          outputs: types.map(({ type }) => ({ name: `out-${type}`, type, shape: ['n', 1] })),
          nodes: types.map(({ type }) => ({
            op: 'Identity',
            inputs: [`in-${type}`],
            outputs: [`out-${type}`],
          })),
        },
      }),
    )
    expect(types.map(({ datatype }) => datatype).sort()).toEqual([...DATATYPES].sort())
    for (const count of [3, 1, 0]) {
      const sent = types.map(({ type, datatype }) => ({
        name: `in-${type}`,
        datatype,
        shape: [count, 1],
        data: samples[datatype].slice(0, count),
      }))
      const received = await worker.infer(sent.toReversed())
      expect(received).toEqual(sent.map((tensor) => ({ ...tensor, name: tensor.name.replace('in', 'out') })))
    }
  })

  test('answers many calls at once in the order of their callers', async () => {
    const worker = shared
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) => worker.infer([floats(index)])),
    )
    expect(answers.map(([output]) => output?.data[0])).toEqual(
      Array.from({ length: 500 }, (_, index) => index),
    )
    expect(worker.stats()).toMatchObject({ failed: 0, queued: 0 })
    expect(worker.stats().answered).toBeGreaterThanOrEqual(500)
  })

  test('takes large tensors between small ones', async () => {
    const worker = shared
    const sizes = [1, 300_000, 2, 20_000, 1, 1, 1_000_000]
    const answers = await Promise.all(
      sizes.map((size) => {
        const data = new Float32Array(size).fill(size)
        return worker.infer([{ name: 'input', datatype: 'FP32', shape: [size, 1], data }])
      }),
    )
    expect(answers.map(([output]) => [output?.data.length, output?.data.at(-1)])).toEqual(
      sizes.map((size) => [size, size]),
    )
  })

  test('stays below 120 MiB when it is idle', async () => {
    const worker = await start(identityModel('float'))
    await worker.infer([floats(1)])
    const { residentBytes } = worker.stats()
    expect(residentBytes).toBeLessThan(120 * MIB)
    if (process.platform === 'linux') expect(residentBytes).toBeGreaterThan(MIB)
  })

  test('stops after the calls it has', async () => {
    const worker = await start(identityModel('float'))
    const calls = Promise.all(Array.from({ length: 50 }, (_, index) => worker.infer([floats(index)])))
    await worker.stop(5_000)
    expect(await calls).toHaveLength(50)
    expect(await worker.exited).toMatchObject({ reason: 'stopped', exitCode: 0, signal: null })
    await expect(worker.infer([floats(1)])).rejects.toMatchObject({ kind: 'unavailable' })
  })
})

describe('a worker refuses to load', () => {
  const model = identityModel('float')
  const verified = verifiedModel(model)
  const load = (changed: Partial<ReturnType<typeof verifiedModel>>) =>
    ModelWorker.start(verified.artifactId, { ...verified, ...changed }, DEFAULT_LIMITS)

  test('bytes of which one differs from what the manifest names', async () => {
    const bytes = Uint8Array.from(model)
    bytes.set([(bytes[100] ?? 0) ^ 1], 100)
    await expect(load({ modelFile: { path: 'model.onnx', bytes } })).rejects.toMatchObject({
      code: 'runtime.model-bytes-mismatch',
      kind: 'refused',
    })
  })

  test('a manifest that does not name the file', async () => {
    const modelFile = { path: 'other.onnx', bytes: model }
    await expect(load({ modelFile })).rejects.toMatchObject({ code: 'runtime.manifest-unreadable' })
  })

  test('a manifest that is not JSON, or is something else', async () => {
    for (const text of ['{', '{"files":[null,{"path":"model.onnx"}]}']) {
      const manifestBytes = Buffer.from(text)
      await expect(load({ manifestBytes })).rejects.toMatchObject({ code: 'runtime.manifest-unreadable' })
    }
  })

  test('a file that is no model', async () => {
    await expect(start(Buffer.from('not a model'))).rejects.toMatchObject({
      code: 'runtime.model-unloadable',
      kind: 'refused',
    })
  })

  test.each(['../../../../etc/passwd', '/etc/passwd', 'main.ts'])(
    'weights that stand in another file: %s',
    async (location) => {
      await expect(start(externalDataModel(location))).rejects.toMatchObject({
        code: 'runtime.model-unloadable',
      })
    },
  )

  test('within its time only', async () => {
    await expect(start(model, { loadTimeoutMs: 1 })).rejects.toMatchObject({
      code: 'runtime.load-timeout',
      kind: 'timeout',
    })
  })
})

describe('a worker that loaded another artifact', () => {
  test('is killed, and the model is refused', async () => {
    const meant = verifiedModel(identityModel('float'))
    const other = verifiedModel(identityModel('double'))
    await expect(ModelWorker.start(meant.artifactId, other, DEFAULT_LIMITS)).rejects.toMatchObject({
      code: 'runtime.digest-mismatch',
      kind: 'refused',
    })
  })
})

describe('inputs the model does not take', () => {
  const secret = 987654321
  const cases: [string, Tensor[], string | undefined][] = [
    ['none', [], undefined],
    ['one too many', [floats(secret), { ...floats(secret), name: 'more' }], undefined],
    ['another name', [{ ...floats(secret), name: 'other' }], 'input'],
    [
      'another datatype',
      [{ ...floats(secret), datatype: 'FP64', data: new Float64Array([secret]) }],
      'input',
    ],
    ['another rank', [{ ...floats(secret), shape: [1] }], 'input'],
    ['another width', [{ ...floats(secret), shape: [1, 2], data: new Float32Array([secret, 1]) }], 'input'],
    ['fewer elements than their shape', [{ ...floats(secret), shape: [2, 1] }], 'input'],
    ['an array of another type', [{ ...floats(secret), data: new Int32Array([secret]) }], 'input'],
    ['a negative dimension', [{ ...floats(secret), shape: [-1, 1] }], 'input'],
    ['half a dimension', [{ ...floats(secret), shape: [0.5, 1] }], 'input'],
  ]

  test('are refused by name before the worker sees them, without their values', async () => {
    const worker = shared
    for (const [, inputs, input] of cases) {
      const error = await worker.infer(inputs).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'runtime.input-rejected', kind: 'invalid' })
      if (input !== undefined) expect(error).toMatchObject({ details: { input } })
      expect(JSON.stringify(error) + String(error)).not.toContain(String(secret))
    }
    expect(worker.stats()).toMatchObject({ failed: 0, queued: 0 })
    expect(await worker.infer([floats(1)])).toHaveLength(1)
  })

  test('include texts the model would see changed', async () => {
    const worker = await start(identityModel('string'))
    for (const text of ['a\0b', '\ud800', 'a\udc00b']) {
      const input: Tensor = { name: 'input', datatype: 'BYTES', shape: [1, 1], data: [text] }
      await expect(worker.infer([input])).rejects.toMatchObject({ code: 'runtime.input-rejected' })
    }
  })

  test('include a BOOL that is neither 0 nor 1, which would be a violation on the wire', async () => {
    const worker = await start(identityModel('bool'))
    const input: Tensor = { name: 'input', datatype: 'BOOL', shape: [1, 1], data: new Uint8Array([2]) }
    await expect(worker.infer([input])).rejects.toMatchObject({ code: 'runtime.input-rejected' })
    expect(worker.isRunning).toBe(true)
  })

  test('as only the model itself can tell are refused without a value of theirs', async () => {
    // Gather with the index as an input: onnxruntime's own message quotes an index that is out of bounds.
    const worker = await start(
      writeOnnx({
        opsets: [{ domain: '', version: 17 }],
        graph: {
          name: 'lookup',
          inputs: [{ name: 'input', type: 'int64', shape: ['n'] }],
          outputs: [{ name: 'output', type: 'float', shape: ['n'] }],
          initializers: [{ name: 'table', type: 'float', dims: [2], data: { floats: [1, 2] } }],
          nodes: [{ op: 'Gather', inputs: ['table', 'input'], outputs: ['output'] }],
        },
      }),
    )
    const call = (index: bigint) =>
      worker.infer([{ name: 'input', datatype: 'INT64', shape: [1], data: new BigInt64Array([index]) }])
    const error = await call(BigInt(secret)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'runtime.inference-failed', kind: 'internal' })
    expect(JSON.stringify(error) + String(error)).not.toContain(String(secret))
    expect(await call(1n)).toMatchObject([{ data: new Float32Array([2]) }])
    expect(worker.stats()).toMatchObject({ failed: 1, answered: 1 })
  })
})

describe('a call', () => {
  test('whose worker is killed is refused as unavailable', async () => {
    const worker = await start(endlessModel())
    const call = worker.infer([one])
    setTimeout(() => process.kill(worker.stats().pid, 'SIGKILL'), 50)
    await expect(call).rejects.toMatchObject({ code: 'runtime.worker-exited', kind: 'unavailable' })
    expect(await worker.exited).toMatchObject({ reason: 'crashed', signal: 'SIGKILL' })
    await expect(worker.infer([one])).rejects.toMatchObject({ code: 'runtime.worker-exited' })
  })

  // Tried again because another process may hold this one up longer than the margin.
  test('that never ends costs the worker its life within its limit and 100 ms', { retry: 4 }, async () => {
    const worker = await start(endlessModel(), { inferTimeoutMs: 300 })
    const startedAt = performance.now()
    const behind = expect(worker.infer([one])).rejects.toMatchObject({
      code: 'runtime.timeout',
      kind: 'timeout',
    })
    await expect(worker.infer([one])).rejects.toMatchObject({
      kind: expect.stringMatching(/timeout|unavailable/),
    })
    await behind
    const { reason, signal } = await worker.exited
    expect({ reason, signal }).toEqual({ reason: 'hung', signal: 'SIGKILL' })
    expect(performance.now() - startedAt).toBeGreaterThan(299)
    expect(performance.now() - startedAt).toBeLessThan(400)
  })

  test('to a worker that stands still is timed out, and the worker killed', async () => {
    const worker = await start(identityModel('float'), { inferTimeoutMs: 200 })
    process.kill(worker.stats().pid, 'SIGSTOP')
    await expect(worker.infer([floats(1)])).rejects.toMatchObject({ code: 'runtime.timeout' })
    expect(await worker.exited).toMatchObject({ reason: 'hung', signal: 'SIGKILL' })
  })

  test('may wait less than the worker may take, and the worker lives on', async () => {
    const worker = await start(identityModel('float'), { inferTimeoutMs: 10_000 })
    const { pid } = worker.stats()
    process.kill(pid, 'SIGSTOP')
    await expect(worker.infer([floats(1)], { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'runtime.timeout',
      message: 'the model did not answer within 50 ms',
    })
    process.kill(pid, 'SIGCONT')
    expect(await worker.infer([floats(2)])).toMatchObject([{ data: new Float32Array([2]) }])
  })

  test('ends when its caller gives it up, before it is made and while it runs', async () => {
    const worker = shared
    const { pid } = worker.stats()
    const given = new AbortController()
    given.abort()
    await expect(worker.infer([floats(1)], { signal: given.signal })).rejects.toMatchObject({
      code: 'runtime.aborted',
    })
    process.kill(pid, 'SIGSTOP')
    const giving = new AbortController()
    const call = worker.infer([floats(1)], { signal: giving.signal })
    setTimeout(() => giving.abort(), 20)
    await expect(call).rejects.toMatchObject({ code: 'runtime.aborted' })
    process.kill(pid, 'SIGCONT')
    expect(await worker.infer([floats(2)])).toMatchObject([{ data: new Float32Array([2]) }])
  })

  test('is refused at once when too many wait, or too many bytes', async () => {
    const worker = await start(identityModel('float'), { maxQueuedCalls: 3, maxQueuedBytes: 4096 })
    const { pid } = worker.stats()
    process.kill(pid, 'SIGSTOP')
    const large = floats(...Array.from({ length: 1000 }, () => 0))
    const first = worker.infer([large])
    await expect(worker.infer([large])).rejects.toMatchObject({
      code: 'runtime.queue-full',
      kind: 'unavailable',
    })
    const others = [worker.infer([floats(1)]), worker.infer([floats(2)])]
    await expect(worker.infer([floats(3)])).rejects.toMatchObject({ code: 'runtime.queue-full' })
    process.kill(pid, 'SIGCONT')
    expect(await Promise.all([first, ...others])).toHaveLength(3)
    expect(await worker.infer([large])).toHaveLength(1)
  })

  test('is refused when it is longer than a request or an answer may be', async () => {
    const model = writeOnnx({
      opsets: [{ domain: '', version: 17 }],
      graph: {
        name: 'grow',
        inputs: [{ name: 'input', type: 'int64', shape: [1] }],
        outputs: [{ name: 'output', type: 'float', shape: ['n'] }],
        nodes: [{ op: 'ConstantOfShape', inputs: ['input'], outputs: ['output'] }],
      },
    })
    const worker = await start(model, { maxAnswerBytes: 4096 })
    const call = (size: bigint) =>
      worker.infer([{ name: 'input', datatype: 'INT64', shape: [1], data: new BigInt64Array([size]) }])
    await expect(call(2000n)).rejects.toMatchObject({ code: 'runtime.answer-too-large', kind: 'too-large' })
    expect(await call(100n)).toHaveLength(1)
    const small = await start(identityModel('float'), { maxRequestBytes: 64 })
    await expect(small.infer([floats(...Array.from({ length: 64 }, () => 0))])).rejects.toMatchObject({
      code: 'runtime.request-too-large',
      kind: 'too-large',
    })
    expect(await small.infer([floats(1)])).toHaveLength(1)
  })

  test('that asks for more memory than the worker may have is refused, and the worker lives on', async () => {
    const worker = await start(memoryBombModel(), { memoryLimitBytes: 512 * MIB })
    await expect(worker.infer([one])).rejects.toMatchObject({ code: 'runtime.out-of-memory' })
    expect(worker.isRunning).toBe(true)
  })
})

describe('calls that wait together', () => {
  /** Sums from the first row to each: shows which rows ran together. */
  const cumulativeModel = writeOnnx({
    opsets: [{ domain: '', version: 17 }],
    graph: {
      name: 'cumulative',
      inputs: [{ name: 'input', type: 'float', shape: ['rows', 1] }],
      outputs: [{ name: 'output', type: 'float', shape: ['rows', 1] }],
      initializers: [{ name: 'axis', type: 'int64', dims: [], data: { integers: [0] } }],
      nodes: [{ op: 'CumSum', inputs: ['input', 'axis'], outputs: ['output'] }],
    },
  })

  /** Makes all calls while the worker stands still, so that it finds them together. */
  async function together(worker: ModelWorker, calls: readonly Tensor[][]): Promise<(Tensor | Error)[]> {
    const { pid } = worker.stats()
    process.kill(pid, 'SIGSTOP')
    const answers = calls.map((inputs) =>
      worker.infer(inputs).then(
        ([output]) => output ?? new Error('no output'),
        (error: Error) => error,
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.kill(pid, 'SIGCONT')
    return Promise.all(answers)
  }
  const valuesOf = (answers: readonly (Tensor | Error)[]) =>
    answers.map((answer) => (answer instanceof Error ? Reflect.get(answer, 'code') : [...answer.data]))

  test('run each alone unless the operator allows more', async () => {
    const worker = await start(cumulativeModel)
    const answers = await together(worker, [[floats(1)], [floats(2)], [floats(3, 4)]])
    expect(valuesOf(answers)).toEqual([[1], [2], [3, 7]])
  })

  test('run as one up to the rows that are allowed', async () => {
    const worker = await start(cumulativeModel, { maxBatchRows: 4 })
    const calls = [
      [floats(1)],
      [floats(2)],
      [floats(3, 4)],
      [floats(5)],
      [floats(1, 1, 1, 1, 1)],
      [floats(6)],
    ]
    expect(valuesOf(await together(worker, calls))).toEqual([[1], [3], [6, 10], [5], [1, 2, 3, 4, 5], [6]])
  })

  test('get each their own rows of every datatype', async () => {
    for (const type of ['string', 'float16', 'int64'] as const) {
      const worker = await start(identityModel(type, ['batch', 2]), { maxBatchRows: 64 })
      const datatype = datatypeOf(type) ?? 'BYTES'
      const calls = [1, 3, 0, 2].map((rows) => {
        const size = rows * 2
        const data =
          type === 'string'
            ? Array.from({ length: size }, (_, index) => `${rows}-${index}`)
            : type === 'int64'
              ? BigInt64Array.from({ length: size }, (_, index) => BigInt(rows * 10 + index))
              : Uint16Array.from({ length: size }, (_, index) => rows * 10 + index)
        return { name: 'input', datatype, shape: [rows, 2], data }
      })
      expect(
        await together(
          worker,
          calls.map((call) => [call]),
        ),
      ).toEqual(calls.map((call) => ({ ...call, name: 'output' })))
    }
  })

  test('fail for their own inputs only', async () => {
    const worker = await start(
      writeOnnx({
        opsets: [{ domain: '', version: 17 }],
        graph: {
          name: 'lookup',
          inputs: [{ name: 'input', type: 'int64', shape: ['rows'] }],
          outputs: [{ name: 'output', type: 'float', shape: ['rows'] }],
          initializers: [{ name: 'table', type: 'float', dims: [3], data: { floats: [10, 20, 30] } }],
          nodes: [{ op: 'Gather', inputs: ['table', 'input'], outputs: ['output'] }],
        },
      }),
      { maxBatchRows: 64 },
    )
    const calls = [0n, 1n, 99n, 2n].map((index): Tensor[] => [
      { name: 'input', datatype: 'INT64', shape: [1], data: new BigInt64Array([index]) },
    ])
    expect(valuesOf(await together(worker, calls))).toEqual([[10], [20], 'runtime.inference-failed', [30]])
  })

  test('run each alone when the model’s outputs turn out not to be rows', async () => {
    const worker = await start(
      writeOnnx({
        opsets: [{ domain: '', version: 17 }],
        graph: {
          name: 'total',
          inputs: [{ name: 'input', type: 'float', shape: ['rows', 1] }],
          outputs: [{ name: 'output', type: 'float', shape: ['rows', 1] }],
          initializers: [{ name: 'axis', type: 'int64', dims: [1], data: { integers: [0] } }],
          nodes: [{ op: 'ReduceSum', inputs: ['input', 'axis'], outputs: ['output'] }],
        },
      }),
      { maxBatchRows: 64 },
    )
    const calls = [[floats(1, 2)], [floats(3)], [floats(4, 5)]]
    for (const _ of [1, 2]) expect(valuesOf(await together(worker, calls))).toEqual([[3], [3], [9]])
  })
})

describe.runIf(process.platform === 'linux')('the process of a worker', () => {
  test('has an empty environment but for the switch that turns telemetry off', async () => {
    const worker = shared
    const environ = readFileSync(`/proc/${worker.stats().pid}/environ`, 'latin1')
    expect(environ).toBe('ORT_DISABLE_TELEMETRY=1\0')
  })

  test('has nothing open but its channel and its standard streams', async () => {
    const worker = shared
    const directory = `/proc/${worker.stats().pid}/fd`
    const kinds = readdirSync(directory).map((descriptor) => readlinkSync(`${directory}/${descriptor}`))
    expect(kinds.filter((kind) => kind.startsWith('socket:')).length).toBeLessThanOrEqual(2)
    expect(kinds.filter((kind) => kind.startsWith('/') && kind !== '/dev/null')).toEqual([])
  })

  test('may not gain privileges, dump its memory, write files or have more memory than its limit', async () => {
    const worker = await start(identityModel('float'), { memoryLimitBytes: 1024 * MIB })
    const { pid } = worker.stats()
    expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toContain('NoNewPrivs:\t1\n')
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1')
    expect(limits).toMatch(/^Max core file size +0 +0 /m)
    expect(limits).toMatch(/^Max file size +0 +0 /m)
    expect(limits).toMatch(new RegExp(`^Max data size +${(1024 + 544) * MIB} `, 'm'))
  })
})
