import { afterAll, afterEach, describe, expect, test } from 'vitest'
import {
  type ServerProcess,
  sallyport,
  sallyportJson,
  startServerProcess,
  temporaryDirectory,
} from '../support/sallyport-process.ts'

describe('a state folder', () => {
  const directory = temporaryDirectory()
  const state = `${directory.path}/state`
  let server: ServerProcess | undefined
  afterEach(async () => {
    await server?.stop()
    server = undefined
  })
  afterAll(() => directory.remove())

  test('prints the admin credential at its first start only', async () => {
    server = await startServerProcess(state)
    expect(server.adminKey).toMatch(/^sp_/)
    await server.stop()
    server = await startServerProcess(state)
    expect(server.adminKey).toBeUndefined()
  })

  test('is refused to a second server, which says who has it', async () => {
    server = await startServerProcess(state)
    const second = await sallyport(['up', '--state', state, '--port', '0', '--admin-port', '0'])
    expect(second.code).toBe(2)
    expect(second.stderr).toContain(String(server.pid))
  })

  test('is free again after its server was killed', async () => {
    server = await startServerProcess(state)
    await server.kill()
    server = await startServerProcess(state)
    expect(server.gatewayUrl).toMatch(/^http:/)
  })

  test('is changed through the running server by the command line', async () => {
    server = await startServerProcess(state)
    const { record } = (await sallyportJson(['key', 'create', '--name', 'robot', '--state', state])) as {
      record: { id: string }
    }
    await sallyportJson(['key', 'revoke', record.id, '--state', state])
    const keys = (await sallyportJson(['key', 'list', '--state', state])) as {
      id: string
      revokedAt?: string
    }[]
    expect(keys.find((key) => key.id === record.id)?.revokedAt).toBeDefined()
  })

  test('is not served by `serve` when there is none', async () => {
    const { code, stderr } = await sallyport(['serve', '--state', `${directory.path}/nowhere`])
    expect(code).toBe(2)
    expect(stderr).toContain('state.missing')
  })
})
