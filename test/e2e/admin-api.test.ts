import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServerProcess, startServerProcess, temporaryDirectory } from '../support/sallyport-process.ts'

describe('the control plane', () => {
  const directory = temporaryDirectory()
  let server: ServerProcess
  const call = (path: string, init: RequestInit = {}, key = server.adminKey) =>
    fetch(`${server.adminUrl}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, ...init.headers },
    })
  const json = (body: unknown): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const codeOf = async (response: Response) =>
    ((await response.json()) as { error: { code: string } }).error.code

  beforeAll(async () => {
    server = await startServerProcess(join(directory.path, 'state'))
  })
  afterAll(async () => {
    await server.stop()
    directory.remove()
  })

  test('describes every route it has in an OpenAPI document that anyone may read', async () => {
    const response = await fetch(`${server.adminUrl}/openapi.json`)
    const { openapi, paths } = (await response.json()) as { openapi: string; paths: Record<string, unknown> }
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/v1/models', '/v1/deployments', '/v1/keys', '/v1/audit/events']),
    )
  })

  test('refuses a key that may only infer, and logs the refusal without the key', async () => {
    const created = await call('/v1/keys', json({ name: 'app', scopes: ['infer'] }))
    const { key } = (await created.json()) as { key: string }
    const refused = await call('/v1/models', {}, key)
    expect(refused.status).toBe(403)
    expect(await codeOf(refused)).toBe('admin.forbidden')
    const page = (await (await call('/v1/audit/events?limit=10')).json()) as {
      events: { type: string; data: unknown }[]
    }
    const event = page.events.find(({ type }) => type === 'admin.refused')
    expect(event?.data).toMatchObject({ code: 'admin.forbidden', route: '/v1/models' })
    expect(JSON.stringify(page)).not.toContain(key)
  })

  test.each([
    ['/v1/keys', { name: 'x' }],
    ['/v1/keys', { name: 'x', scopes: ['everything'] }],
    ['/v1/keys', { name: 'x', scopes: ['infer'], admin: true }],
    ['/v1/keys', { name: 'x', scopes: ['infer'], tenant: '../other' }],
    ['/v1/deployments', { model: 'income', version: '1', environment: 'a b' }],
    ['/v1/deployments', '{"model":'],
    ['/v1/deployments', '[]'],
  ])('refuses a request to %s that is not of its schema: %j', async (path, body) => {
    const response = await call(path, json(body))
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe('admin.invalid-request')
  })

  test('refuses a body that is too large, and a model that is no archive', async () => {
    const large = await call('/v1/keys', json({ name: 'x'.repeat(300_000), scopes: ['infer'] }))
    expect(large.status).toBe(413)
    const noArchive = await call('/v1/models', json({}))
    expect(await codeOf(noArchive)).toBe('admin.archive-expected')
    const garbage = await call('/v1/models', {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar' },
      body: 'x'.repeat(2048),
    })
    expect(garbage.status).toBeGreaterThanOrEqual(400)
    expect(garbage.status).toBeLessThan(500)
    expect(await codeOf(garbage)).toMatch(/^supply\./)
  })

  test('says 404 for what is not there', async () => {
    for (const path of ['/v1/nothing', '/v1/models/none/versions/1', '/v1/audit/events/evt_none/proof']) {
      expect((await call(path)).status, path).toBe(404)
    }
    expect((await call('/v1/keys/none', { method: 'DELETE' })).status).toBe(404)
  })

  test('lets nobody deploy what was never admitted', async () => {
    const response = await call(
      '/v1/deployments',
      json({ model: 'income', version: '1', environment: 'production' }),
    )
    expect(response.status).toBe(404)
    expect(await codeOf(response)).toMatch(/^supply\./)
  })
})
