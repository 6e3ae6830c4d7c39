import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  sallyport,
  sallyportJson,
  startServerProcess,
  temporaryDirectory,
} from '../support/sallyport-process.ts'

let directory: ReturnType<typeof temporaryDirectory>
let state: string
let key: string
let modelDigest: string

beforeEach(async () => {
  directory = temporaryDirectory()
  state = join(directory.path, 'state')
  await sallyportJson(['demo', '--once', '--state', state])
  key = ((await sallyportJson(['key', 'create', '--name', 'test', '--state', state])) as { key: string }).key
  const { files } = (await sallyportJson(['model', 'show', 'income@1', '--state', state])) as {
    files: { path: string; sha256: string }[]
  }
  modelDigest = files.find((file) => file.path === 'model.onnx')?.sha256 ?? ''
})
afterEach(() => directory.remove())

const infer = (gatewayUrl: string) =>
  fetch(`${gatewayUrl}/v2/models/income/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: readFileSync(join(import.meta.dirname, '../../examples/income/request.json')),
  })

function flipByte(path: string): void {
  const bytes = readFileSync(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10
  chmodSync(path, 0o600)
  writeFileSync(path, bytes)
}

test('a server does not load a deployed model whose stored bytes were changed, says so, and serves no answer', async () => {
  flipByte(join(state, 'blobs/sha256', modelDigest.slice(0, 2), modelDigest))
  const server = await startServerProcess(state)
  try {
    expect((await infer(server.gatewayUrl)).status).not.toBe(200)
    expect((await fetch(`${server.gatewayUrl}/readyz`)).status).toBe(503)
  } finally {
    await server.stop()
  }
  expect(server.output()).toContain('NOT served')
  const verified = await sallyport(['model', 'verify', 'income@1', '--state', state])
  expect(verified.code).toBe(1)
  const page = (await sallyportJson(['audit', 'show', '--state', state])) as { events: { type: string }[] }
  expect(page.events.map((event) => event.type)).toContain('model.load-refused')
})

test('a running server stops serving a version the moment it is revoked, and never serves it again', async () => {
  const server = await startServerProcess(state)
  try {
    expect((await infer(server.gatewayUrl)).status).toBe(200)
    await sallyportJson(['model', 'revoke', 'income@1', '--reason', 'a test', '--state', state])
    expect((await infer(server.gatewayUrl)).status).not.toBe(200)
    const again = await sallyport(['deploy', 'income@1', '--env', 'production', '--state', state])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('revoked')
  } finally {
    await server.stop()
  }
})
