import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sallyportJson, startServerProcess, temporaryDirectory } from '../support/sallyport-process.ts'

test('a caller cannot tell a key that never was from one that is revoked, expired, damaged or missing', async () => {
  const directory = temporaryDirectory()
  const state = join(directory.path, 'state')
  try {
    await sallyportJson(['demo', '--once', '--state', state])
    const create = async (...options: string[]) =>
      (await sallyportJson(['key', 'create', '--name', 'test', ...options, '--state', state])) as {
        key: string
        record: { id: string }
      }
    const revoked = await create()
    await sallyportJson(['key', 'revoke', revoked.record.id, '--state', state])
    const expiresAt = Date.now() + 5_000
    const expired = await create('--expires', new Date(expiresAt).toISOString())
    const good = await create()
    const server = await startServerProcess(state)
    const body = readFileSync(join(import.meta.dirname, '../../examples/income/request.json'))
    await new Promise((resolve) => setTimeout(resolve, expiresAt - Date.now()))
    const seen = new Set<string>()
    for (const key of [
      revoked.key,
      expired.key,
      good.key.slice(0, -1),
      `${good.key}x`,
      'sp_nothing',
      '',
      'x'.repeat(5000),
    ]) {
      const headers = { authorization: `Bearer ${key}` }
      const response = await fetch(`${server.gatewayUrl}/v2/models/income/infer`, {
        method: 'POST',
        headers,
        body,
      })
      const answer = (await response.text()).replaceAll(/exc_[0-9a-z]+/g, 'EXCHANGE')
      seen.add(`${response.status} ${answer}`)
    }
    await server.stop()
    expect([...seen]).toHaveLength(1)
    expect([...seen][0]).toMatch(/^401 /)
  } finally {
    directory.remove()
  }
})
