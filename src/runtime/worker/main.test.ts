import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { identityModel } from '../../../test/support/models.ts'
import { verifiedModel } from '../../../test/support/verified-model.ts'
import { encodeLoad, FRAME_KIND, HEADER_BYTES, readHeader, viewOf } from '../protocol/index.ts'
import { launchProcess } from '../sandbox/index.ts'

const GIB = 2 ** 30
const within = { timeout: 10_000, interval: 10 }

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'sallyport-home-'))
})
afterAll(() => rmSync(home, { recursive: true }))

interface Started {
  readonly child: ChildProcess
  readonly channel: Duplex
  readonly exited: Promise<{ code: number | null; signal: string | null }>
}

/** The real program, spoken to by hand. */
function start(environment: Record<string, string> = {}): Started {
  const launch = launchProcess(GIB)
  const child = spawn(launch.command, launch.arguments, {
    cwd: launch.workingDirectory,
    env: { ...launch.environment, ...environment },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const channel = child.stdio[3]
  if (!(channel instanceof Duplex)) throw new Error('no channel')
  channel.on('error', () => {})
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, channel, exited }
}

async function nextFrame(channel: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (;;) {
    const bytes = Buffer.concat(chunks)
    if (bytes.length >= HEADER_BYTES) {
      if (bytes.length >= HEADER_BYTES + readHeader(viewOf(bytes), 0).bodyBytes) return bytes
    }
    channel.resume()
    const chunk = await new Promise<Buffer>((resolve, reject) => {
      channel.once('data', resolve)
      channel.once('close', () => reject(new Error('the worker has closed its channel')))
    })
    chunks.push(chunk)
    channel.pause()
  }
}

function load(channel: Duplex, model: Uint8Array): void {
  const { manifestBytes, modelFile } = verifiedModel(model)
  for (const piece of encodeLoad({
    manifestBytes,
    path: modelFile.path,
    modelBytes: modelFile.bytes,
    limits: { maxRequestBytes: 4096, maxAnswerBytes: 4096, maxBatchRows: 1 },
  })) {
    channel.write(piece)
  }
}

/** One call with the float 1 in a tensor of the given shape. */
function callFrame(shape: readonly number[]): Buffer {
  const words = [
    0 | (10 << 16) | (shape.length << 24),
    4,
    ...shape,
    ...(shape.length % 2 ? [0] : []),
    0x3f800000,
    0,
  ]
  const bytes = Buffer.alloc(HEADER_BYTES + words.length * 4)
  bytes.writeUInt32LE(words.length * 4, 0)
  bytes.writeUInt32LE(1, 4)
  bytes.writeUInt32LE(FRAME_KIND.infer | (1 << 16), 8)
  words.forEach((word, index) => {
    bytes.writeUInt32LE(word >>> 0, HEADER_BYTES + index * 4)
  })
  return bytes
}

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))

describe('the program of a worker', () => {
  test('ends when its channel closes, loaded or not', async () => {
    const fresh = start()
    fresh.channel.end()
    expect(await fresh.exited).toEqual({ code: 0, signal: null })
    const loaded = start()
    load(loaded.channel, identityModel('float'))
    await nextFrame(loaded.channel)
    loaded.channel.end()
    expect(await loaded.exited).toEqual({ code: 0, signal: null })
  })

  test('answers a call that comes byte by byte', async () => {
    const { channel } = start()
    load(channel, identityModel('float'))
    await nextFrame(channel)
    for (const byte of callFrame([1, 1])) {
      channel.write(Buffer.of(byte))
      if (byte !== 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const answer = await nextFrame(channel)
    expect(readHeader(viewOf(answer), 0)).toMatchObject({ kind: FRAME_KIND.answer, callId: 1, count: 1 })
    expect(answer.readFloatLE(answer.length - 8)).toBe(1)
    channel.end()
  })

  test('ends with an error on frames that no gateway sends', async () => {
    const random = Buffer.from(
      fc.sample(fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 300 }), 1)[0] ?? [],
    )
    const first = start()
    first.channel.end(random.fill(0xff, 8, 9))
    expect((await first.exited).code).toBe(1)
    for (const spoil of [
      (frame: Buffer) => frame.writeUInt8(FRAME_KIND.load, 8),
      (frame: Buffer) => frame.writeUInt32LE(1 << 20, 0),
      (frame: Buffer) => frame.writeUInt32LE(5, HEADER_BYTES + 8),
    ]) {
      const { channel, exited } = start()
      load(channel, identityModel('float'))
      await nextFrame(channel)
      const frame = callFrame([1, 1])
      spoil(frame)
      channel.write(frame)
      expect((await exited).code).toBe(1)
    }
  })

  test('leaves no file of onnxruntime’s telemetry in a home directory', async () => {
    const { channel, exited } = start({ HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, 'cache') })
    load(channel, identityModel('float'))
    await nextFrame(channel)
    channel.write(callFrame([1, 1]))
    await nextFrame(channel)
    channel.end()
    expect(await exited).toEqual({ code: 0, signal: null })
    expect(readdirSync(home)).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('a worker whose gateway is killed with kill -9', () => {
  /** A gateway of its own that starts a worker, calls it and prints the worker's pid. */
  const gateway = (model: 'endlessModel' | 'identityModel') => `
    const { ModelWorker, DEFAULT_LIMITS } = await import('${join(import.meta.dirname, '../index.ts')}')
    const models = await import('${join(import.meta.dirname, '../../../test/support/models.ts')}')
    const { verifiedModel } = await import('${join(import.meta.dirname, '../../../test/support/verified-model.ts')}')
    const verified = verifiedModel(models.${model}('float'))
    const worker = await ModelWorker.start(verified.artifactId, verified, DEFAULT_LIMITS)
    const shape = '${model}' === 'endlessModel' ? [1] : [1, 1]
    worker.infer([{ name: 'input', datatype: 'FP32', shape, data: new Float32Array(1) }]).catch(() => {})
    setTimeout(() => console.log(worker.stats().pid), 100)
  `

  test.each(['identityModel', 'endlessModel'] as const)('ends too: %s', async (model) => {
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', gateway(model)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), within)
  })
})
