import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  sallyport,
  sallyportJson,
  startServerProcess,
  temporaryDirectory,
} from '../support/sallyport-process.ts'

const CANARY = 'canary-7f3a91'

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
}

test('no key, feature or answer stands in logs, metrics, errors, the records or the evidence', async () => {
  const directory = temporaryDirectory()
  const state = join(directory.path, 'state')
  try {
    await sallyportJson(['demo', '--once', '--state', state])
    const { key } = (await sallyportJson(['key', 'create', '--name', 'test', '--state', state])) as {
      key: string
    }
    const server = await startServerProcess(state, { env: { SALLYPORT_LOG_LEVEL: 'debug' } })
    const request = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../examples/income/request.json'), 'utf8'),
    )
    const text = request.inputs.find((input: { datatype: string }) => input.datatype === 'BYTES')
    const send = (body: string, authorization = `Bearer ${key}`) =>
      fetch(`${server.gatewayUrl}/v2/models/income/infer`, {
        method: 'POST',
        headers: { authorization },
        body,
      })
    const answers: string[] = []
    const good = await send(JSON.stringify(request))
    expect(good.status).toBe(200)
    text.data = [CANARY]
    for (const response of [
      await send(JSON.stringify(request)),
      await send(`{"inputs": "${CANARY}`),
      await send(
        JSON.stringify({ inputs: [{ name: 'undeclared', datatype: 'BYTES', shape: [1], data: [CANARY] }] }),
      ),
      await send('{}', `Bearer ${key}${CANARY}`),
      await fetch(`${server.gatewayUrl}/v2/models/${CANARY}/infer?${CANARY}`, {
        headers: { cookie: CANARY },
      }),
    ]) {
      expect(response.status).toBeGreaterThanOrEqual(400)
      answers.push(await response.text(), JSON.stringify([...response.headers]))
    }
    const metrics = await fetch(`${server.adminUrl}/metrics`)
    expect(metrics.status).toBe(401)
    await server.stop()
    const { stdout } = await sallyport(['audit', 'show', '--limit', '1000', '--state', state])
    const written = filesBelow(state).map((path) => ({ path, text: readFileSync(path, 'latin1') }))
    const places = [
      ...written,
      { path: 'output', text: server.output() },
      { path: 'events', text: stdout },
      { path: 'answers', text: answers.join() },
    ]
    for (const secret of [CANARY, key, key.slice(16)]) {
      expect(
        places.filter((place) => place.text.includes(secret)).map((place) => place.path),
        secret,
      ).toEqual([])
    }
  } finally {
    directory.remove()
  }
})
