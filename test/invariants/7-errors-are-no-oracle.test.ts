import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startServerProcess, temporaryDirectory } from '../support/sallyport-process.ts'

const LIFETIME_MS = 1_000

test('a caller cannot tell a key that never was from one that is revoked, expired, damaged or missing', async () => {
  const directory = temporaryDirectory()
  const server = await startServerProcess(join(directory.path, 'state'))
  try {
    const admin = (method: string, path: string, body?: unknown) =>
      fetch(`${server.adminUrl}/v1/keys${path}`, {
        method,
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    const create = async (more: object = {}) => {
      const response = await admin('POST', '', { name: 'test', scopes: ['infer'], ...more })
      return (await response.json()) as { key: string; record: { id: string } }
    }
    const revoked = await create()
    expect(
      (await fetch(`${server.adminUrl}/v1/keys/${revoked.record.id}`, { method: 'DELETE' })).status,
    ).toBe(401)
    const revocation = await fetch(`${server.adminUrl}/v1/keys/${revoked.record.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${server.adminKey}` },
    })
    expect(revocation.status).toBe(204)
    const expired = await create({ expiresAt: new Date(Date.now() + LIFETIME_MS).toISOString() })
    const good = await create()
    await new Promise((resolve) => setTimeout(resolve, LIFETIME_MS + 100))

    const answerTo = async (key: string) => {
      const response = await fetch(`${server.gatewayUrl}/v2/models/income/infer`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: readFileSync(join(import.meta.dirname, '../../examples/income/request.json')),
      })
      return `${response.status} ${(await response.text()).replaceAll(/exc_[0-9a-z]+/g, 'EXCHANGE')}`
    }
    const damaged = [good.key.slice(0, -1), `${good.key}x`, 'sp_nothing', '', 'x'.repeat(5000)]
    const answers = await Promise.all([revoked.key, expired.key, ...damaged].map(answerTo))
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toMatch(/^401 /)
    expect(await answerTo(good.key)).not.toMatch(/^401 /)
  } finally {
    await server.stop()
    directory.remove()
  }
})
