import { afterEach, describe, expect, test, vi } from 'vitest'
import { identityModel } from '../../../test/support/models.ts'
import { verifiedModel } from '../../../test/support/verified-model.ts'
import { SallyportError, type Tensor } from '../../core/index.ts'
import { ModelRuntime, type RestartPolicy, type RunningModel } from './model-runtime.ts'
import type { RuntimeEvent } from './runtime-event.ts'

const input: Tensor = { name: 'input', datatype: 'FP32', shape: [1, 1], data: new Float32Array([7]) }
const answer = [{ name: 'output', datatype: 'FP32', shape: [1, 1], data: new Float32Array([7]) }]
const verified = verifiedModel(identityModel('float'))

const runtimes: ModelRuntime[] = []
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()))
})

interface Fixture {
  readonly runtime: ModelRuntime
  readonly events: RuntimeEvent[]
  readonly types: () => string[]
  load(open?: () => Promise<typeof verified>): Promise<RunningModel>
}

function fixture(restarts: Partial<RestartPolicy> = {}): Fixture {
  const events: RuntimeEvent[] = []
  const runtime = new ModelRuntime({ restarts, onEvent: (event) => events.push(event) })
  runtimes.push(runtime)
  return {
    runtime,
    events,
    types: () => events.map(({ type }) => type),
    load: (open = async () => verified) => runtime.load({ artifactId: verified.artifactId, open }),
  }
}

const kill = (model: RunningModel) => process.kill(model.stats().pid, 'SIGKILL')
const within = { timeout: 10_000, interval: 5 }

describe('a running model', () => {
  test('answers again soon after its worker was killed; calls in between are refused at once', async () => {
    const { load, events, types } = fixture()
    const model = await load()
    expect(model.isReady()).toBe(true)
    const killed = model.stats().pid
    kill(model)
    await vi.waitFor(() => expect(model.isReady()).toBe(false), within)
    const askedAt = performance.now()
    const error = await model.infer([input]).catch((thrown: unknown) => thrown)
    expect(performance.now() - askedAt).toBeLessThan(20)
    expect(error).toMatchObject({ code: 'runtime.worker-unavailable', kind: 'unavailable' })
    expect(Reflect.get(Object(Reflect.get(Object(error), 'details')), 'retryAfterMs')).toBeGreaterThan(0)
    await vi.waitFor(() => expect(model.isReady()).toBe(true), within)
    expect(await model.infer([input])).toEqual(answer)
    expect(model.stats().pid).not.toBe(killed)
    expect(types()).toEqual(['worker.ready', 'worker.exited', 'worker.ready'])
    expect(events[1]).toEqual({
      type: 'worker.exited',
      data: {
        artifact: verified.artifactId,
        pid: killed,
        reason: 'crashed',
        exitCode: null,
        signal: 'SIGKILL',
        detail: null,
      },
    })
  })

  test('is verified again for each new worker, and does not run once it may not', async () => {
    const { load, events } = fixture({ firstDelayMs: 10, longestDelayMs: 20 })
    let isRevoked = false
    const model = await load(async () => {
      if (isRevoked) throw new SallyportError('supply.version-revoked', 'revoked', { kind: 'refused' })
      return verified
    })
    isRevoked = true
    kill(model)
    await vi.waitFor(() => {
      expect(events).toContainEqual({
        type: 'worker.start-failed',
        data: { artifact: verified.artifactId, code: 'supply.version-revoked', retryInMs: 10 },
      })
    }, within)
    expect(model.isReady()).toBe(false)
    await expect(model.infer([input])).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('that changed on its way to a new worker is refused by that worker', async () => {
    const { load, events } = fixture()
    let bytes = verified.modelFile.bytes
    const model = await load(async () => ({ ...verified, modelFile: { path: 'model.onnx', bytes } }))
    bytes = Uint8Array.from(bytes, (byte, index) => (index === 50 ? byte ^ 1 : byte))
    kill(model)
    await vi.waitFor(() => {
      expect(events.at(-1)).toMatchObject({
        type: 'worker.start-failed',
        data: { code: 'runtime.model-bytes-mismatch' },
      })
    }, within)
  })

  test('whose workers keep failing is started ever later, and the loop is said once', async () => {
    const policy = { firstDelayMs: 10, longestDelayMs: 50, crashLoopAfter: 4 }
    const { load, events, types } = fixture(policy)
    let isBroken = false
    const model = await load(async () => {
      if (isBroken) throw new Error('the disk is gone')
      return verified
    })
    isBroken = true
    kill(model)
    await vi.waitFor(
      () => expect(types().filter((type) => type === 'worker.start-failed')).toHaveLength(5),
      within,
    )
    const delays = events.flatMap((event) =>
      event.type === 'worker.start-failed' ? [event.data.retryInMs] : [],
    )
    expect(delays).toEqual([10, 20, 50, 50, 50])
    expect(events.filter(({ type }) => type === 'worker.crash-loop')).toEqual([
      { type: 'worker.crash-loop', data: { artifact: verified.artifactId, failures: 4, retryInMs: 50 } },
    ])
    isBroken = false
    await vi.waitFor(() => expect(model.isReady()).toBe(true), within)
    expect(await model.infer([input])).toEqual(answer)
  })

  test('starts its count of failures anew after a worker that lived long', async () => {
    const { load, types } = fixture({ stableAfterMs: 0, firstDelayMs: 60_000, longestDelayMs: 60_000 })
    const model = await load()
    for (const _ of [1, 2]) {
      kill(model)
      await vi.waitFor(() => expect(model.isReady()).toBe(false), within)
      await vi.waitFor(() => expect(model.isReady()).toBe(true), within)
    }
    expect(types().filter((type) => type === 'worker.ready')).toHaveLength(3)
  })

  test('is not started again once it is stopped, even while it was being started', async () => {
    const { load, types } = fixture()
    const model = await load()
    const { pid } = model.stats()
    kill(model)
    await vi.waitFor(() => expect(model.isReady()).toBe(false), within)
    await model.stop()
    const seen = types().length
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(types()).toHaveLength(seen)
    expect(model.isReady()).toBe(false)
    await expect(model.infer([input])).rejects.toMatchObject({ code: 'runtime.worker-stopped' })
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(() => process.kill(model.stats().pid, 0)).toThrow('ESRCH')
  })

  test('ends its calls before it stops', async () => {
    const { load, runtime } = fixture()
    const model = await load()
    const calls = Promise.all(Array.from({ length: 100 }, () => model.infer([input])))
    await runtime.close(5_000)
    expect(await calls).toHaveLength(100)
  })
})

describe('a model that cannot be loaded', () => {
  test('is an error to who loads it, and leaves nothing behind', async () => {
    const { load, types } = fixture()
    await expect(load(async () => ({ ...verified, manifestBytes: Buffer.from('{}') }))).rejects.toMatchObject(
      {
        code: 'runtime.manifest-unreadable',
      },
    )
    expect(types()).toEqual([])
  })
})
