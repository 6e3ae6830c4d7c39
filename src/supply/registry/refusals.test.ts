import { generateKeyPairSync } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { incomingFiles, modelPackage, type PackageFiles } from '../../../test/support/model-package.ts'
import { externalDataModel, identityModel } from '../../../test/support/models.ts'
import { push, storedBlobs, type TestRegistry, temporaryRegistry } from '../../../test/support/registry.ts'
import { type ModelName, SallyportError, type VersionName } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { AdmissionPolicySchema } from '../admission/index.ts'
import { signArtifact } from '../sign/index.ts'
import { Models, type ModelVersion } from './index.ts'

const IDENTITY = 'identity' as ModelName
const version = (number: number) => String(number) as VersionName
const refused = (code: string) => expect.objectContaining({ code: `supply.${code}` })

function fileOf(pushed: ModelVersion, path: string) {
  const file = pushed.files.find((each) => each.path === path)
  if (file === undefined) throw new Error(`${path} is not in the version`)
  return file
}

async function refusalOf(work: Promise<unknown>): Promise<SallyportError> {
  const thrown = await work.then(
    () => undefined,
    (refusal: unknown) => refusal,
  )
  if (thrown instanceof SallyportError) return thrown
  throw new Error('it was not refused', { cause: thrown })
}

/** Writes over a blob, as somebody would who can write to the state folder. */
async function overwrite(folder: string, digest: string, bytes: Uint8Array | string): Promise<void> {
  const path = join(folder, 'blobs/sha256', digest.slice(0, 2), digest)
  await chmod(path, 0o600)
  await writeFile(path, bytes)
  await chmod(path, 0o400)
}

describe('the registry', () => {
  test.for<[string, PackageFiles, string]>([
    ['has no declaration', modelPackage({ 'model.yaml': undefined }), 'package-incomplete'],
    ['has no model', modelPackage({ 'model.onnx': undefined }), 'package-incomplete'],
    ['has no files', {}, 'artifact-empty'],
    ['names a file outside of itself', { ...modelPackage(), '../x': 'x' }, 'path-invalid'],
    ['has a declaration that is none', modelPackage({ 'model.yaml': 'name: 1' }), 'declaration-invalid'],
    [
      'declares another input',
      modelPackage({ 'model.onnx': identityModel('double') }),
      'declaration-mismatch',
    ],
    [
      'was trained on something else than it says',
      modelPackage({ 'dataset.json': '{}' }),
      'dataset-mismatch',
    ],
    [
      'has a pickle for a model',
      modelPackage({ 'model.onnx': "cos\nsystem\n(S'true'\ntR." }),
      'not-admitted',
    ],
    [
      'has noise for a model',
      modelPackage({ 'model.onnx': Buffer.from([0xff, 0xff, 0xff, 0xff, 0x00]) }),
      'not-admitted',
    ],
    ['brings a script', modelPackage({ 'setup.py': 'import os\n' }), 'not-admitted'],
    [
      'has a model that reads other files',
      modelPackage(
        { 'model.onnx': externalDataModel() },
        {
          inputs: [{ name: 'input', datatype: 'FP32', shape: [4] }],
          outputs: [{ name: 'output', datatype: 'FP32', shape: [4] }],
        },
      ),
      'not-admitted',
    ],
    ['has no dataset', modelPackage({ 'dataset.json': undefined }, { dataset: undefined }), 'not-admitted'],
  ])(
    'refuses a package that %s, records that, and keeps nothing of it',
    async ([_what, files, code], context) => {
      const registry = await temporaryRegistry(context)
      await push(registry, modelPackage())
      const blobs = await storedBlobs(registry.parts)
      const versions = await registry.models.list()
      const refusal = await refusalOf(push(registry, files))
      expect(refusal).toEqual(refused(code))
      expect(await registry.log.find(String(refusal.details['event']))).toMatchObject({
        type: 'model.refused',
        data: { code: `supply.${code}` },
      })
      expect(registry.log.size).toBe(2)
      expect(await storedBlobs(registry.parts)).toEqual(blobs)
      expect(await registry.models.list()).toEqual(versions)
    },
  )

  test('says why a package is not admitted, with every reason', async (context) => {
    const registry = await temporaryRegistry(context)
    const files = modelPackage(
      { 'model.onnx': "cos\nsystem\n(S'true'\ntR.", 'dataset.json': undefined },
      { dataset: undefined },
    )
    const { code, details } = await refusalOf(push(registry, files))
    expect(code).toBe('supply.not-admitted')
    const reasons = ['admission.format-not-allowed', 'admission.scan-findings', 'admission.dataset-missing']
    expect(details['reasons']).toEqual(reasons.map((code) => expect.objectContaining({ code })))
    expect((await registry.log.find(String(details['event'])))?.data['reasons']).toEqual(reasons)
  })

  test('refuses a package of another model than was asked for', async (context) => {
    const registry = await temporaryRegistry(context)
    const options = { pushedBy: 'tester', name: 'other' as ModelName }
    const pushing = registry.models.push(incomingFiles(modelPackage()), options)
    await expect(pushing).rejects.toThrow(refused('model-name-mismatch'))
    expect(await registry.models.list()).toEqual([])
  })

  test('opens a version with exactly the bytes that were proven', async (context) => {
    const registry = await temporaryRegistry(context)
    const { version: pushed } = await push(registry, modelPackage())
    const opened = await registry.models.open(IDENTITY, version(1))
    expect(sha256(opened.manifestBytes)).toBe(pushed.artifactId)
    expect(opened.modelFile.path).toBe('model.onnx')
    expect(sha256(opened.modelFile.bytes)).toBe(fileOf(pushed, 'model.onnx').sha256)
    expect(opened).toMatchObject({
      artifactId: pushed.artifactId,
      schema: pushed.schema,
      versionRecord: pushed,
    })
  })

  test('reports on every check of a sound version', async (context) => {
    const registry = await temporaryRegistry(context)
    const { version: pushed } = await push(registry, modelPackage())
    const report = await registry.models.verify(IDENTITY, version(1))
    expect(report).toMatchObject({
      model: 'identity',
      version: '1',
      artifactId: pushed.artifactId,
      isSound: true,
    })
    expect(report.checks.map(({ check, passed }) => [check, passed])).toEqual(
      [
        'status',
        'manifest',
        ...pushed.files.map((file) => `file ${file.path}`),
        'signature',
        'declaration',
        'policy',
      ].map((check) => [check, true]),
    )
  })

  test.for(['README.md', 'model.onnx', 'model.yaml', 'dataset.json'])(
    'refuses to open a version after one byte of its %s was changed, and reports which',
    async (path, context) => {
      const registry = await temporaryRegistry(context)
      const file = fileOf((await push(registry, modelPackage())).version, path)
      const changed = Buffer.from(await registry.parts.blobs.read(file.sha256))
      changed.writeUInt8(changed.readUInt8(changed.length >> 1) ^ 1, changed.length >> 1)
      await overwrite(registry.folder, file.sha256, changed)
      await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('blob-tampered'))
      const { isSound, checks } = await registry.models.verify(IDENTITY, version(1))
      expect(isSound).toBe(false)
      expect(checks.filter((check) => check.check.startsWith('file ') && !check.passed)).toEqual([
        { check: `file ${path}`, passed: false, detail: expect.stringContaining('supply.blob-tampered') },
      ])
      // Pushing the true bytes again mends the store.
      await push(registry, modelPackage())
      expect((await registry.models.verify(IDENTITY, version(1))).isSound).toBe(true)
    },
  )

  test('refuses to open a version whose file is longer or gone', async (context) => {
    const registry = await temporaryRegistry(context)
    const { sha256: digest } = fileOf((await push(registry, modelPackage())).version, 'model.onnx')
    await overwrite(registry.folder, digest, Buffer.alloc(1024 * 1024))
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('blob-tampered'))
    await registry.parts.blobs.delete(digest)
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('blob-missing'))
  })

  test('refuses to open a version with a signature by a stranger, for other files, altered or gone', async (context) => {
    const registry = await temporaryRegistry(context)
    const { version: pushed } = await push(registry, modelPackage())
    const manifest = { schemaVersion: 1, kind: 'model', files: pushed.files } as const
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    await nameBundle(registry, pushed, signArtifact(manifest, 'identity', stranger))
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(
      refused('signature-key-untrusted'),
    )

    const { privateKey } = registry.parts.signingKey
    const others = { ...manifest, files: manifest.files.slice(1) }
    const digest = await nameBundle(registry, pushed, signArtifact(others, 'identity', privateKey))
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('signature-mismatch'))
    const { checks } = await registry.models.verify(IDENTITY, version(1))
    expect(checks.filter((check) => !check.passed).map((check) => check.check)).toEqual([
      'signature',
      'policy',
    ])

    await overwrite(registry.folder, digest, signArtifact(manifest, 'identity', privateKey))
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('signature-tampered'))
    await registry.parts.blobs.delete(digest)
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('signature-missing'))
  })

  test('refuses to open a version whose files were taken out of the records', async (context) => {
    const registry = await temporaryRegistry(context)
    const { version: pushed } = await push(registry, modelPackage())
    const manifest = JSON.stringify({ schemaVersion: 1, kind: 'model', files: pushed.files.slice(1) })
    await registry.database.kysely.updateTable('artifacts').set({ manifest }).execute()
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('manifest-tampered'))
    await registry.database.kysely.updateTable('artifacts').set({ manifest: '{' }).execute()
    await expect(registry.models.open(IDENTITY, version(1))).rejects.toThrow(refused('record-corrupt'))
  })

  test('refuses to open a version that the records give to a model of another name', async (context) => {
    const registry = await temporaryRegistry(context)
    await push(registry, modelPackage())
    const { kysely } = registry.database
    const model = 'other' as ModelName
    const row = await kysely.selectFrom('versions').selectAll().executeTakeFirstOrThrow()
    const status = await kysely.selectFrom('version_status').selectAll().executeTakeFirstOrThrow()
    await kysely
      .insertInto('versions')
      .values({ ...row, model })
      .execute()
    await kysely
      .insertInto('version_status')
      .values({ ...status, model })
      .execute()
    await expect(registry.models.open(model, version(1))).rejects.toThrow(refused('record-tampered'))
  })

  test('refuses to open what the policy in force no longer admits', async (context) => {
    const registry = await temporaryRegistry(context)
    const lenient = await Models.open({
      ...registry.parts,
      policy: AdmissionPolicySchema.parse({ requireDataset: false }),
    })
    const files = modelPackage({ 'dataset.json': undefined }, { dataset: undefined })
    await lenient.push(incomingFiles(files), { pushedBy: 'tester' })
    expect((await lenient.open(IDENTITY, version(1))).artifactId).toHaveLength(64)
    const refusal = await refusalOf(registry.models.open(IDENTITY, version(1)))
    expect(refusal.code).toBe('supply.not-admitted')
    expect(refusal.message).toContain('what it was trained on')
  })

  test('trusts the keys that the policy names, and no others', async (context) => {
    const registry = await temporaryRegistry(context)
    await push(registry, modelPackage())
    const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const signingKey = {
      privateKey: next.privateKey,
      publicKeyPem: next.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    }
    const rotated = await Models.open({ ...registry.parts, signingKey })
    await expect(rotated.open(IDENTITY, version(1))).rejects.toThrow(refused('signature-key-untrusted'))
    const trustedKeys = ['local', registry.parts.signingKey.publicKeyPem]
    const policy = AdmissionPolicySchema.parse({ trustedKeys })
    const both = await Models.open({ ...registry.parts, signingKey, policy })
    await both.push(incomingFiles(modelPackage({ 'README.md': 'second' })), { pushedBy: 'tester' })
    expect((await both.open(IDENTITY, version(1))).versionRecord.version).toBe('1')
    expect((await both.open(IDENTITY, version(2))).versionRecord.version).toBe('2')
  })
})

/** Makes the records name another bundle for a version. */
async function nameBundle(
  { database, parts }: TestRegistry,
  { artifactId }: ModelVersion,
  bundle: Uint8Array,
) {
  const { sha256: digest } = await parts.blobs.put(bytes(bundle), { maxBytes: bundle.byteLength })
  await database.kysely
    .insertInto('signatures')
    .values({ bundle: digest, artifact_id: artifactId, key_hint: 'x' })
    .execute()
  await database.kysely.updateTable('versions').set({ bundle: digest }).execute()
  return digest
}

async function* bytes(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content)
}
