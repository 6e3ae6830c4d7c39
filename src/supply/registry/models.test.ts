import { describe, expect, test } from 'vitest'
import { DATABASES } from '../../../test/support/databases.ts'
import { incomingFiles, modelPackage } from '../../../test/support/model-package.ts'
import { loggedEvents, push, storedBlobs, temporaryRegistry } from '../../../test/support/registry.ts'
import { type ModelName, SallyportError, type VersionName } from '../../core/index.ts'
import { manifestId, sha256 } from '../../crypto/index.ts'
import { trustKey, verifyBundle } from '../sign/index.ts'

const IDENTITY = 'identity' as ModelName
const version = (number: number) => String(number) as VersionName
const refused = (code: string) => expect.objectContaining({ code: `supply.${code}` })

describe.each(DATABASES)('the registry on $dialect', (kind) => {
  test('records a pushed package as a version with its files, schema, lineage, signature and event', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    const files = modelPackage()
    const { version: pushed, isNew } = await push(registry, files)
    expect(isNew).toBe(true)
    expect(pushed).toEqual({
      model: 'identity',
      version: '1',
      artifactId: manifestId({ schemaVersion: 1, kind: 'model', files: pushed.files }),
      status: 'admitted',
      admittedAt: expect.any(Number),
      eventId: expect.stringMatching(/^evt_/),
      description: 'Gives back what it got.',
      licence: 'Apache-2.0',
      schema: {
        inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1] }],
        outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 1] }],
      },
      lineage: {
        dataset: {
          name: 'numbers',
          manifest: sha256(files['dataset.json'] ?? ''),
          source: 'made up',
          licence: 'CC0-1.0',
          rows: 10,
          files: 1,
        },
        metrics: { accuracy: 1 },
      },
      files: ['README.md', 'dataset.json', 'model.onnx', 'model.yaml'].map((path) => ({
        path,
        sizeBytes: Buffer.byteLength(files[path] ?? ''),
        sha256: sha256(files[path] ?? ''),
      })),
      signature: { bundle: expect.any(String), keyHint: sha256(registry.parts.signingKey.publicKeyPem) },
      history: [{ status: 'admitted', at: pushed.admittedAt, by: 'tester' }],
    })
    const bundle = await registry.parts.blobs.read(pushed.signature.bundle)
    const trusted = [trustKey(registry.parts.signingKey.publicKeyPem)]
    verifyBundle(bundle, { schemaVersion: 1, kind: 'model', files: pushed.files }, trusted)
    const [event, ...others] = await loggedEvents(registry.log, 'model.admitted', 'model.refused')
    expect(others).toEqual([])
    expect(event).toMatchObject({
      id: pushed.eventId,
      data: {
        model: 'identity',
        version: '1',
        artifact: pushed.artifactId,
        signedBy: pushed.signature.keyHint,
      },
    })
    expect(event?.private['actor']?.toString()).toBe('tester')
    expect(await registry.models.show(IDENTITY, version(1))).toEqual(pushed)
    expect(await registry.models.list()).toEqual([pushed])
  })

  test('gives the version that is there when the same bytes are pushed again, in any order', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    const first = await push(registry, modelPackage())
    const blobs = await storedBlobs(registry.parts)
    const again = await push(registry, Object.fromEntries(Object.entries(modelPackage()).toReversed()))
    expect(again).toEqual({ version: first.version, isNew: false })
    expect(await storedBlobs(registry.parts)).toEqual(blobs)
    expect(registry.log.size).toBe(1)
  })

  test('numbers the versions of each model from 1, whoever pushes at the same time', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    const pushes = Array.from({ length: 4 }, (_, index) =>
      push(registry, modelPackage({ 'README.md': `card ${index}` })),
    )
    const twice = push(registry, modelPackage({ 'README.md': 'card 0' }))
    const other = push(registry, modelPackage({}, { name: 'other' }))
    const results = await Promise.all([...pushes, twice, other])
    expect(results.filter((result) => result.isNew)).toHaveLength(5)
    const listed = (await registry.models.list()).map((each) => `${each.model}@${each.version}`)
    expect(listed).toEqual(['identity@1', 'identity@2', 'identity@3', 'identity@4', 'other@1'])
  })

  test('has versions beyond nine in the order of their numbers', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    for (let index = 0; index < 11; index++)
      await push(registry, modelPackage({ 'README.md': `card ${index}` }))
    expect((await registry.models.list()).map((each) => each.version)).toEqual(
      Array.from({ length: 11 }, (_, index) => `${index + 1}`),
    )
  })

  test('revokes a version for good', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    await push(registry, modelPackage())
    await push(registry, modelPackage({ 'README.md': 'second' }))
    const revocation = { reason: 'poisoned training data', revokedBy: 'analyst' }
    const revoked = await registry.models.revoke(IDENTITY, version(1), revocation)
    expect(revoked).toMatchObject({
      status: 'revoked',
      history: [
        { status: 'admitted' },
        { status: 'revoked', reason: 'poisoned training data', by: 'analyst' },
      ],
    })
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('version-revoked'))
    await expect(push(registry, modelPackage())).rejects.toThrow(refused('version-revoked'))
    expect(await registry.models.verify(IDENTITY, version(1))).toMatchObject({
      isSound: false,
      checks: expect.arrayContaining([expect.objectContaining({ check: 'status', passed: false })]),
    })
    expect((await registry.models.open(IDENTITY, version(2))).versionRecord.status).toBe('admitted')

    expect(await registry.models.revoke(IDENTITY, version(1), { ...revocation, reason: 'again' })).toEqual(
      revoked,
    )
    const [event, ...others] = await loggedEvents(registry.log, 'model.revoked')
    expect(others).toEqual([])
    // What people wrote may be about people: it is committed to, and can be erased.
    expect(event?.data).toEqual({ model: 'identity', version: '1', artifact: revoked.artifactId })
    expect(event?.private['reason']?.toString()).toBe('poisoned training data')
  })

  test('knows no version that was never admitted', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    await push(registry, modelPackage())
    for (const name of ['2', '0', '01', '1.0', '-1', 'latest', "1' or 1=1", '9'.repeat(30)]) {
      const asked = name as VersionName
      await expect(registry.models.show(IDENTITY, asked)).rejects.toThrow(refused('version-unknown'))
      await expect(registry.models.open(IDENTITY, asked)).rejects.toThrow(refused('version-unknown'))
      await expect(registry.models.revoke(IDENTITY, asked, { reason: 'x', revokedBy: 'y' })).rejects.toThrow(
        refused('version-unknown'),
      )
    }
  })

  test('is as it was after a push that was cancelled or whose sender broke off, and records no refusal', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    await push(registry, modelPackage())
    const blobs = await storedBlobs(registry.parts)
    const cancel = new AbortController()
    async function* cancelled() {
      yield* incomingFiles({ a: 'first file' })
      cancel.abort()
      yield* incomingFiles({ b: 'second file' })
    }
    const options = { pushedBy: 'tester', signal: cancel.signal }
    await expect(registry.models.push(cancelled(), options)).rejects.toThrow(refused('push-cancelled'))
    async function* broken() {
      yield* incomingFiles({ a: 'first file' })
      throw new Error('socket hang up')
    }
    await expect(registry.models.push(broken(), { pushedBy: 'tester' })).rejects.toMatchObject({
      code: 'internal',
    })
    expect(await storedBlobs(registry.parts)).toEqual(blobs)
    expect(registry.log.size).toBe(1)
  })

  test('keeps the blobs of a push that runs while another one fails', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    const gate = Promise.withResolvers<void>()
    async function* slow() {
      const [first, ...rest] = Object.entries(modelPackage())
      yield* incomingFiles(Object.fromEntries(first === undefined ? [] : [first]))
      await gate.promise
      yield* incomingFiles(Object.fromEntries(rest))
    }
    const slowPush = registry.models.push(slow(), { pushedBy: 'tester' })
    // The same README, so that the failing push stores a blob that the slow one counts on.
    await expect(push(registry, modelPackage({ 'model.yaml': undefined }))).rejects.toThrow(
      refused('package-incomplete'),
    )
    gate.resolve()
    await slowPush
    expect((await registry.models.verify(IDENTITY, version(1))).isSound).toBe(true)
    expect(await storedBlobs(registry.parts)).toHaveLength(5)
  })

  test('sweeps what nobody references, and nothing when it holds no version', async (context) => {
    const registry = await temporaryRegistry(context, { kind })
    await registry.parts.blobs.put(bytes('left behind'), { maxBytes: 100 })
    expect(await registry.models.sweepUnreferenced()).toBe(0)
    const { version: pushed } = await push(registry, modelPackage())
    expect(await registry.models.sweepUnreferenced()).toBe(1)
    expect(await storedBlobs(registry.parts)).toEqual(
      [...pushed.files.map((file) => file.sha256), pushed.signature.bundle].sort(),
    )
    expect((await registry.models.verify(IDENTITY, version(1))).isSound).toBe(true)
  })

  test('acknowledges nothing that the log did not take, and takes the package later', async (context) => {
    let isDown = true
    const registry = await temporaryRegistry(context, {
      kind,
      replace: ({ log }) => ({
        log: {
          get size() {
            return log.size
          },
          read: (from, to) => log.read(from, to),
          append: (event) =>
            isDown
              ? Promise.reject(new SallyportError('audit.log-poisoned', 'no', { kind: 'unavailable' }))
              : log.append(event),
        },
      }),
    })
    await expect(push(registry, modelPackage())).rejects.toMatchObject({ code: 'audit.log-poisoned' })
    expect(await registry.models.list()).toEqual([])
    await expect(registry.models.show(IDENTITY, version(1))).rejects.toThrow(refused('version-unknown'))
    isDown = false
    expect((await push(registry, modelPackage())).version.version).toBe('1')

    isDown = true
    const revoking = registry.models.revoke(IDENTITY, version(1), { reason: 'x', revokedBy: 'y' })
    await expect(revoking).rejects.toMatchObject({ code: 'audit.log-poisoned' })
    // A revocation that is asked for holds, even before its event does.
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('version-revoked'))
    isDown = false
    await expect(push(registry, modelPackage({ 'README.md': 'next' }))).resolves.toMatchObject({
      isNew: true,
    })
    expect(await loggedEvents(registry.log, 'model.revoked')).toHaveLength(1)
  })
})

async function* bytes(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content)
}
