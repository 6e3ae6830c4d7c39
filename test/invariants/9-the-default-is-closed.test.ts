import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startServerProcess, temporaryDirectory } from '../support/sallyport-process.ts'

test('a first start listens on loopback, answers nothing but health without a key, and keeps its state private', async () => {
  const directory = temporaryDirectory()
  const state = join(directory.path, 'state')
  const server = await startServerProcess(state)
  try {
    for (const url of [server.gatewayUrl, server.adminUrl]) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    const status = async (url: string, init?: RequestInit) => (await fetch(url, init)).status
    expect(await status(`${server.gatewayUrl}/healthz`)).toBe(200)
    for (const path of ['/v2', '/v2/models/income', '/v2/models/income/ready', '/metrics', '/']) {
      expect(await status(`${server.gatewayUrl}${path}`), path).toBeGreaterThanOrEqual(401)
    }
    for (const path of ['/v1/status', '/v1/models', '/v1/keys', '/v1/audit/events', '/metrics', '/nowhere']) {
      expect(await status(`${server.adminUrl}${path}`), path).toBe(401)
    }
    const headers = { authorization: `Bearer ${server.adminKey}` }
    expect(await status(`${server.adminUrl}/v1/status`, { headers })).toBe(200)
    for (const path of [
      state,
      join(state, 'keys'),
      join(state, 'log'),
      join(state, 'blobs'),
      join(state, 'run'),
    ]) {
      expect(statSync(path).mode & 0o077, path).toBe(0)
    }
    for (const path of ['records.db', 'keys/pepper.key', 'keys/log.key.pem', 'keys/model-signing.key.pem']) {
      expect(statSync(join(state, path)).mode & 0o077, path).toBe(0)
    }
  } finally {
    await server.stop()
    directory.remove()
  }
})
