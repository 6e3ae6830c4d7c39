import { execFileSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  REPOSITORY,
  type ServerProcess,
  sallyport,
  sallyportJson,
  startServerProcess,
  temporaryDirectory,
} from '../support/sallyport-process.ts'
import { loggedEvents } from './kill-nine.ts'

const REQUEST = readFileSync(join(REPOSITORY, 'examples/income/request.json'))

const prepared = temporaryDirectory()
let key: string
beforeAll(async () => {
  await sallyportJson(['demo', '--once', '--state', join(prepared.path, 'state')])
  const created = await sallyportJson([
    'key',
    'create',
    '--name',
    'test',
    '--state',
    join(prepared.path, 'state'),
  ])
  key = (created as { key: string }).key
})
afterAll(() => prepared.remove())

let directory: ReturnType<typeof temporaryDirectory>
let state: string
let server: ServerProcess | undefined
beforeEach(() => {
  directory = temporaryDirectory()
  state = join(directory.path, 'state')
  // Node's own copy would loosen the modes of the folders, which the product refuses.
  execFileSync('cp', ['-a', join(prepared.path, 'state'), state])
})
afterEach(async () => {
  await server?.kill()
  server = undefined
  directory.remove()
})

const infer = (gatewayUrl: string) =>
  fetch(`${gatewayUrl}/v2/models/income/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: REQUEST,
  })

const snapshotOf = (path: string) =>
  new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'latin1')]))

describe('a worker that is killed', () => {
  test('is answered for with 503 and started again, and the gateway stays up', async () => {
    server = await startServerProcess(state)
    expect((await infer(server.gatewayUrl)).status).toBe(200)
    const worker = Number(execFileSync('pgrep', ['-P', String(server.pid)], { encoding: 'utf8' }).trim())
    process.kill(worker, 'SIGKILL')
    const statuses = new Set<number>()
    let refusal = { code: '', retryAfter: '' }
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
      const response = await infer(server.gatewayUrl)
      statuses.add(response.status)
      if (response.status === 200 && statuses.size > 1) break
      if (response.status !== 200) {
        const { code } = (await response.json()) as { code: string }
        refusal = { code, retryAfter: response.headers.get('retry-after') ?? '' }
      }
    }
    expect([...statuses].sort()).toEqual([200, 503])
    expect(refusal.code).toMatch(/^runtime\.worker-/)
    expect(Number(refusal.retryAfter)).toBeGreaterThan(0)
  })
})

describe('damage to the state', () => {
  const start = () => sallyport(['up', '--state', state, '--port', '0', '--admin-port', '0'])

  test('to the records is detected at the start, explained, and nothing is written', async () => {
    const path = join(state, 'records.db')
    rmSync(`${path}-wal`, { force: true })
    const bytes = readFileSync(path)
    bytes.fill(0xff, 0, 4096)
    writeFileSync(path, bytes)
    const { code, stderr } = await start()
    expect(code).toBe(2)
    expect(stderr).toMatch(/storage\.database-(corrupt|foreign)/)
    expect(stderr).toContain('records.db')
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  test('to an entry of the log is found by verification, with its place', async () => {
    const path = join(state, 'log/entries')
    const bytes = readFileSync(path)
    const place = bytes.indexOf('model.admitted')
    bytes[place] = (bytes[place] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const before = snapshotOf(join(state, 'log'))
    const { code, stdout } = await sallyport(['audit', 'verify', '--state', state])
    expect(code).toBe(1)
    expect(stdout).toContain('audit.log-corrupt')
    expect(snapshotOf(join(state, 'log'))).toEqual(before)
  })

  test('that cuts acknowledged entries off the log is refused at the start, and nothing is written', async () => {
    truncateSync(join(state, 'log/entries'), readFileSync(join(state, 'log/entries')).length - 200)
    const before = snapshotOf(join(state, 'log'))
    const { code, stderr } = await start()
    expect(code).toBe(2)
    expect(stderr).toContain('audit.log-corrupt')
    expect(snapshotOf(join(state, 'log'))).toEqual(before)
  })

  test('by a commit that a crash cut short is repaired by the start, and nothing acknowledged is lost', async () => {
    const acknowledged = await loggedEvents(state)
    appendFileSync(join(state, 'log/entries'), Buffer.from('half a comm'))
    server = await startServerProcess(state)
    expect((await infer(server.gatewayUrl)).status).toBe(200)
    await server.stop()
    server = undefined
    const after = await loggedEvents(state)
    expect([...acknowledged].filter((id) => !after.has(id))).toEqual([])
    expect(await sallyportJson(['audit', 'verify', '--state', state])).toMatchObject({ isSound: true })
  })

  test('that takes the keys away is refused: no new ones are made under a log that they did not sign', async () => {
    rmSync(join(state, 'keys'), { recursive: true })
    const { code, stderr } = await start()
    expect(code).toBe(2)
    expect(stderr).toMatch(/crypto\.|keystore/)
    expect(readdirSync(state)).not.toContain('keys')
  })

  test('that takes the log away is refused: no fresh one is begun', async () => {
    rmSync(join(state, 'log'), { recursive: true })
    const { code, stderr } = await start()
    expect(code).toBe(2)
    expect(stderr).toContain('audit.')
    expect(readdirSync(state)).not.toContain('log')
  })
})

describe('a disk that becomes full', () => {
  test('ends answers with 503, and everything that was answered before is in the log afterwards', async () => {
    server = await startServerProcess(state, { fileLimitKib: 160 })
    const acknowledged: string[] = []
    let refused = 0
    for (const deadline = Date.now() + 60_000; Date.now() < deadline && refused < 3; ) {
      const response = await infer(server.gatewayUrl)
      await response.arrayBuffer()
      if (response.status === 200) acknowledged.push(response.headers.get('x-sallyport-event') ?? '')
      else {
        expect(response.status).toBe(503)
        refused++
      }
    }
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(refused).toBe(3)
    await server.kill()
    server = undefined
    const logged = await loggedEvents(state)
    expect(acknowledged.filter((id) => !logged.has(id))).toEqual([])
    expect(await sallyportJson(['audit', 'verify', '--state', state])).toMatchObject({ isSound: true })
  }, 120_000)
})
