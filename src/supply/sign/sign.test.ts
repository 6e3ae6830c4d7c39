import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Manifest, Sha256 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { signArtifact, signDirectory, trustKey, verifyBundle, verifyDirectory } from './index.ts'
import recorded from './reference-vectors/vectors.json' with { type: 'json' }

const { privateKey, publicKey } = keyPair('P-256')
const trusted = [trustKey(pemOf(publicKey))]

const manifest: Manifest = {
  schemaVersion: 1,
  kind: 'model',
  files: ['README.md', 'model.onnx', 'model.yaml'].map((path) => fileOf(path, path)),
}
const bundle = signArtifact(manifest, 'income', privateKey)

interface Envelope {
  payload: string
  payloadType: string
  signatures: { sig: string; keyid?: string | null }[]
}
interface Bundle {
  mediaType: string
  verificationMaterial: Record<string, unknown>
  dsseEnvelope: Envelope
}
const parse = (bytes: Uint8Array): Bundle => JSON.parse(Buffer.from(bytes).toString())
const statementOf = (bytes: Uint8Array) =>
  JSON.parse(Buffer.from(parse(bytes).dsseEnvelope.payload, 'base64').toString())

describe('a signed artifact', () => {
  test('verifies with the key that signed it', () => {
    expect(verifyBundle(bundle, manifest, trusted)).toEqual({
      keyHint: sha256(pemOf(publicKey)),
      subject: 'income',
    })
  })

  test('is a Sigstore bundle v0.3 with the members that the schemas ask for, and no others', () => {
    const { mediaType, verificationMaterial, dsseEnvelope, ...rest } = parse(bundle)
    expect(rest).toEqual({})
    expect(mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json')
    expect(verificationMaterial).toEqual({ publicKey: { hint: sha256(pemOf(publicKey)) }, tlogEntries: [] })
    expect(dsseEnvelope).toEqual({
      payload: expect.any(String),
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ sig: expect.any(String), keyid: '' }],
    })
    expect(statementOf(bundle)).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'income', digest: { sha256: expect.any(String) } }],
      predicateType: 'https://model_signing/signature/v1.0',
      predicate: {
        resources: manifest.files.map((file) => ({
          name: file.path,
          digest: file.sha256,
          algorithm: 'sha256',
        })),
        serialization: {
          method: 'files',
          hash_type: 'sha256',
          allow_symlinks: false,
          ignore_paths: ['.git', '.gitattributes', '.github', '.gitignore'],
        },
      },
    })
  })

  test('has the SHA-256 of the raw digests in order as its root digest', () => {
    const raw = Buffer.concat(manifest.files.map((file) => Buffer.from(file.sha256, 'hex')))
    expect(statementOf(bundle).subject[0].digest.sha256).toBe(sha256(raw))
  })

  test('lists its files by code point, also beyond the basic plane', () => {
    const files = ['\u{1f600}.bin', '\ufb00.bin', 'a', 'B'].map((path) => fileOf(path, path))
    const signed = signArtifact({ ...manifest, files }, 'order', privateKey)
    const names = statementOf(signed).predicate.resources.map((resource: { name: string }) => resource.name)
    expect(names).toEqual(['B', 'a', '\ufb00.bin', '\u{1f600}.bin'])
    expect(names.toSorted()).not.toEqual(names)
  })

  test('is signed over the length of the payload in bytes, not in characters', () => {
    const files = [fileOf('模型.onnx', 'x')]
    const signed = signArtifact({ ...manifest, files }, '模型', privateKey)
    const payload = Buffer.from(parse(signed).dsseEnvelope.payload, 'base64')
    expect(payload.length).toBeGreaterThan(payload.toString().length)
    const pae = Buffer.concat([
      Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `),
      payload,
    ])
    const resigned = replaceSignature(signed, sign('sha256', pae, privateKey))
    expect(verifyBundle(resigned, { ...manifest, files }, trusted).subject).toBe('模型')
    const wrong = Buffer.concat([
      Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.toString().length} `),
      payload,
    ])
    expectRefusal(replaceSignature(signed, sign('sha256', wrong, privateKey)), 'invalid', { files })
  })

  test('counts zero-byte files', () => {
    const files = [...manifest.files, fileOf('z-empty', '')]
    const signed = signArtifact({ ...manifest, files }, 'income', privateKey)
    expect(verifyBundle(signed, { ...manifest, files }, trusted).subject).toBe('income')
    expectRefusal(signed, 'mismatch')
    expectRefusal(bundle, 'mismatch', { files })
  })

  test('verifies whether keyid is absent, empty or null, and tlogEntries is there or not', () => {
    for (const keyid of [undefined, '', null]) {
      const changed = parse(bundle)
      changed.dsseEnvelope.signatures = changed.dsseEnvelope.signatures.map(({ sig }) =>
        keyid === undefined ? { sig } : { sig, keyid },
      )
      delete changed.verificationMaterial['tlogEntries']
      expect(verifyBundle(encode(changed), manifest, trusted).subject).toBe('income')
    }
  })

  test('verifies when the key itself stands in the bundle, as before version 1.1.0', () => {
    const old = parse(bundle)
    const rawBytes = Buffer.from(pemOf(publicKey)).toString('base64')
    old.verificationMaterial = { publicKey: { rawBytes, keyDetails: 'PKIX_ECDSA_P256_SHA_256' } }
    expect(verifyBundle(encode(old), manifest, trusted).subject).toBe('income')
    const stranger = pemOf(keyPair('P-256').publicKey)
    old.verificationMaterial = { publicKey: { rawBytes: Buffer.from(stranger).toString('base64') } }
    expectRefusal(encode(old), 'key-untrusted')
  })

  test('may carry members that the specification leaves open', () => {
    const signed = resign((statement) => {
      statement.predicate.resources[0].media_type = 'text/markdown'
      statement.subject[0].uri = 'https://models.example/income'
    })
    expect(verifyBundle(signed, manifest, trusted).subject).toBe('income')
  })
})

describe('a signature is refused', () => {
  test('when a file has other bytes, another name, is missing or is one too many', () => {
    const [first, ...others] = manifest.files
    expectRefusal(bundle, 'mismatch', { files: [fileOf('README.md', 'other'), ...others] })
    expectRefusal(bundle, 'mismatch', { files: [fileOf('readme.md', 'README.md'), ...others] })
    expectRefusal(bundle, 'mismatch', { files: others })
    expectRefusal(bundle, 'mismatch', { files: [...manifest.files, fileOf('z', 'z')] })
    expectRefusal(bundle, 'mismatch', { files: [...(first === undefined ? [] : [first, first]), ...others] })
  })

  test('when it was made by a key that is not trusted, whatever the hint says', () => {
    const stranger = keyPair('P-256')
    const theirs = signArtifact(manifest, 'income', stranger.privateKey)
    expectRefusal(theirs, 'key-untrusted')
    const lying = parse(theirs)
    lying.verificationMaterial = { publicKey: { hint: sha256(pemOf(publicKey)) } }
    expectRefusal(encode(lying), 'invalid')
  })

  test('when a byte of the payload or of the signature was changed', () => {
    const changed = parse(bundle)
    const payload = Buffer.from(changed.dsseEnvelope.payload, 'base64').toString()
    changed.dsseEnvelope.payload = Buffer.from(payload.replace('income', 'incomf')).toString('base64')
    expectRefusal(encode(changed), 'invalid')
    const signature = Buffer.from(parse(bundle).dsseEnvelope.signatures[0]?.sig ?? '', 'base64')
    signature.writeUInt8(signature.readUInt8(12) ^ 1, 12)
    expectRefusal(replaceSignature(bundle, signature), 'invalid')
    expectRefusal(replaceSignature(bundle, Buffer.from('not a signature')), 'invalid')
  })

  test('when it is not a bundle, or not one of this version', () => {
    expectRefusal(Buffer.from(''), 'malformed')
    expectRefusal(Buffer.from('{}'), 'malformed')
    expectRefusal(Buffer.from([0xff, 0xfe]), 'malformed')
    expectRefusal(Buffer.from('['.repeat(100_000)), 'malformed')
    expectRefusal(
      encode({ ...parse(bundle), mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2' }),
      'media-type',
    )
    expectRefusal(encode({ ...parse(bundle), extra: 1 }), 'malformed')
    expectRefusal(
      edit((changed) => Object.assign(changed.dsseEnvelope, { extra: 1 })),
      'malformed',
    )
    expectRefusal(
      edit((changed) => Object.assign(changed.dsseEnvelope.signatures[0] ?? {}, { extra: 1 })),
      'malformed',
    )
    expectRefusal(
      edit((changed) => changed.dsseEnvelope.signatures.splice(0)),
      'malformed',
    )
    expectRefusal(
      edit((changed) => changed.dsseEnvelope.signatures.push({ sig: 'AA==' })),
      'malformed',
    )
    expectRefusal(
      edit((changed) => (changed.dsseEnvelope.payload += '!')),
      'malformed',
    )
    expectRefusal(
      edit((changed) => (changed.dsseEnvelope.payloadType = 'application/json')),
      'payload-type',
    )
  })

  test('when it was made with a certificate or without a key', () => {
    const chain = { certificates: [{ rawBytes: 'AA==' }] }
    expectRefusal(
      encode({ ...parse(bundle), verificationMaterial: { x509CertificateChain: chain } }),
      'method-unsupported',
    )
    expectRefusal(encode({ ...parse(bundle), verificationMaterial: {} }), 'method-unsupported')
    expectRefusal(
      edit((changed) => (changed.verificationMaterial['certificate'] = {})),
      'method-unsupported',
    )
    expectRefusal(encode({ ...parse(bundle), verificationMaterial: { publicKey: {} } }), 'malformed')
  })

  test.each<[string, (statement: Statement) => unknown, string]>([
    [
      'is of another type',
      (statement) => (statement._type = 'https://in-toto.io/Statement/v0.1'),
      'statement-invalid',
    ],
    [
      'has another predicate',
      (statement) => (statement.predicateType = 'https://slsa.dev/provenance/v1'),
      'statement-invalid',
    ],
    ['has two subjects', (statement) => statement.subject.push(...statement.subject), 'statement-invalid'],
    ['has no subject', (statement) => statement.subject.splice(0), 'statement-invalid'],
    ['has an unknown member', (statement) => Object.assign(statement, { extra: 1 }), 'statement-invalid'],
    [
      'has an unknown member in its predicate',
      (statement) => Object.assign(statement.predicate, { extra: 1 }),
      'statement-invalid',
    ],
    [
      'has an unknown member in its serialization',
      (statement) => (statement.predicate.serialization['extra'] = 1),
      'statement-invalid',
    ],
    [
      'has a shard size for whole files',
      (statement) => (statement.predicate.serialization['shard_size'] = 4),
      'statement-invalid',
    ],
    ['has no resources', (statement) => statement.predicate.resources.splice(0), 'statement-invalid'],
    [
      'has a digest that is no hex',
      (statement) => Object.assign(statement.predicate.resources[0] ?? {}, { digest: 'XY' }),
      'statement-invalid',
    ],
    [
      'has a root digest of other files',
      (statement) => (statement.subject[0] = { name: 'income', digest: { sha256: sha256('') } }),
      'statement-inconsistent',
    ],
    [
      'has a root digest only under another algorithm',
      (statement) => (statement.subject[0] = { name: 'income', digest: { sha512: 'aa' } }),
      'statement-inconsistent',
    ],
    [
      'is not in order',
      (statement) => setRoot(statement, statement.predicate.resources.reverse()),
      'statement-inconsistent',
    ],
    [
      'names a file twice',
      (statement) => {
        const [first = {}, , third = {}] = statement.predicate.resources
        setRoot(statement, [first, first, third])
      },
      'statement-inconsistent',
    ],
    [
      'names one algorithm and uses another',
      (statement) => (statement.predicate.serialization['hash_type'] = 'blake2b'),
      'statement-inconsistent',
    ],
    [
      'leaves files out',
      (statement) => (statement.predicate.serialization['ignore_paths'] = ['evil']),
      'mismatch',
    ],
    [
      'follows links',
      (statement) => (statement.predicate.serialization['allow_symlinks'] = true),
      'mismatch',
    ],
  ])('when the trusted key signed a statement that %s', (_what, change, problem) => {
    expectRefusal(resign(change), problem)
  })
})

describe('a directory', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sallyport-sign-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const { vectors } = z
    .object({
      vectors: z.record(
        z.string(),
        z.object({ files: z.record(z.string(), z.string()), publicKey: z.string(), bundle: z.string() }),
      ),
    })
    .parse(recorded)
  const vector = (name: string) => {
    const found = vectors[name]
    if (found === undefined) throw new Error(`no vector ${name}`)
    return { ...found, bundle: Buffer.from(found.bundle), trusted: [trustKey(found.publicKey)] }
  }

  // Signed by the reference implementation; reference-vectors/generate.py made them.
  test.each([
    'files-p256',
    'files-p384',
    'files-p521',
    'files-beyond-bmp',
    'files-empty-file',
    'files-git',
    'files-ignored',
    'files-blake2b',
    'shards',
    'shards-colons',
  ])(
    'signed by the reference implementation verifies (%s), and no longer when a byte changes',
    async (name) => {
      const { files, bundle, trusted } = vector(name)
      await writeFiles(directory, files)
      await expect(verifyDirectory(directory, bundle, trusted)).resolves.toMatchObject({ subject: 'model' })
      const [signed] = Object.keys(files).filter((path) => path.endsWith('weights.bin') || path === 'a.bin')
      await writeFile(join(directory, signed ?? ''), 'changed')
      await expect(verifyDirectory(directory, bundle, trusted)).rejects.toThrow(
        expect.objectContaining({ code: 'supply.signature-mismatch' }),
      )
    },
  )

  test('signed by shards does not verify with a file that has none, which anybody could have added', async () => {
    const { files, bundle, trusted } = vector('shards-empty-file')
    await writeFiles(directory, files)
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted), 'mismatch')
    const options = { ignoreUnsignedFiles: true }
    await expect(verifyDirectory(directory, bundle, trusted, options)).resolves.toMatchObject({
      signedFiles: 1,
      unsignedPaths: ['empty.bin'],
    })
  })

  test('signed by BLAKE3 digests is refused as unsupported', async () => {
    const { files, bundle, trusted } = vector('files-blake3')
    await writeFiles(directory, files)
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted), 'algorithm-unsupported')
  })

  test('says what in it is not signed', async () => {
    const { files, bundle, trusted } = vector('files-git')
    await writeFiles(directory, { ...files, 'model.sig': bundle.toString() })
    const options = { bundlePath: join(directory, 'model.sig') }
    const verified = await verifyDirectory(directory, bundle, trusted, options)
    expect(verified.unsignedPaths.toSorted()).toEqual(['.github', '.gitignore', 'model.sig'])
    expect(verified.signedFiles).toBe(4)
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted), 'mismatch')
  })

  test('verifies with files that nobody signed only when asked to ignore them', async () => {
    const { files, bundle, trusted } = vector('files-p256')
    await writeFiles(directory, { ...files, 'extra.py': 'pass' })
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted), 'mismatch')
    const options = { ignoreUnsignedFiles: true }
    await expect(verifyDirectory(directory, bundle, trusted, options)).resolves.toMatchObject({
      unsignedPaths: ['extra.py'],
    })
    await rm(join(directory, 'config.json'))
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted, options), 'mismatch')
  })

  test('signed by shards does not verify when a file grew or shrank by whole shards, even ignoring unsigned files', async () => {
    const { files, bundle, trusted } = vector('shards')
    const options = { ignoreUnsignedFiles: true }
    await writeFiles(directory, { ...files, 'weights.bin': '01234567' })
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted, options), 'mismatch')
    await writeFiles(directory, { ...files, 'weights.bin': '0123456789xy0123' })
    await expectDirectoryRefusal(verifyDirectory(directory, bundle, trusted, options), 'mismatch')
  })

  test('signed here verifies here, and leaves out its own signature and what it was told to', async () => {
    const { files } = vector('files-ignored')
    await writeFiles(directory, { ...files, '.gitignore': '*.tmp' })
    const bundlePath = join(directory, 'model.sig')
    const signed = await signDirectory(directory, privateKey, { bundlePath, ignorePaths: ['cache'] })
    await writeFile(bundlePath, signed)
    await expect(verifyDirectory(directory, signed, trusted, { bundlePath })).resolves.toMatchObject({
      signedFiles: 4,
    })
    await writeFile(join(directory, 'sub/cache'), 'changed')
    await expectDirectoryRefusal(verifyDirectory(directory, signed, trusted, { bundlePath }), 'mismatch')
  })

  test('with a link, without a file, or with a vague path to leave out is not signed', async () => {
    await expect(signDirectory(directory, privateKey)).rejects.toMatchObject({
      code: 'supply.artifact-empty',
    })
    await symlink('/etc/passwd', join(directory, 'link'))
    await expect(signDirectory(directory, privateKey)).rejects.toMatchObject({ code: 'supply.special-file' })
    for (const path of ['*.bin', '../x', '/etc', 'a//b', '']) {
      await expect(signDirectory(directory, privateKey, { ignorePaths: [path] })).rejects.toMatchObject({
        code: 'supply.ignore-path-invalid',
      })
    }
  })
})

test('only EC keys on the curves of the algorithm registry can be trusted', () => {
  const others = [
    generateKeyPairSync('ed25519').publicKey,
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
    generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
  ]
  for (const key of others) expect(() => trustKey(pemOf(key))).toThrow(/not an EC key/)
  expect(() => trustKey('nonsense')).toThrow(/not an EC key/)
})

interface Statement {
  _type: string
  subject: { name: string; digest: Record<string, string> }[]
  predicateType: string
  predicate: {
    resources: Record<string, string>[]
    serialization: Record<string, unknown>
  }
}

function expectRefusal(signed: Uint8Array, problem: string, changes: Partial<Manifest> = {}): void {
  expect(() => verifyBundle(signed, { ...manifest, ...changes }, trusted)).toThrow(
    expect.objectContaining({ code: `supply.signature-${problem}`, kind: 'refused' }),
  )
}

async function expectDirectoryRefusal(verifying: Promise<unknown>, problem: string): Promise<void> {
  await expect(verifying).rejects.toMatchObject({ code: `supply.signature-${problem}` })
}

/** The bundle with a changed statement, signed by the trusted key. */
// biome-ignore lint/suspicious/noExplicitAny: tests break the statement in ways that its type forbids
function resign(change: (statement: any) => unknown): Buffer {
  const statement = statementOf(bundle)
  change(statement)
  const payload = Buffer.from(JSON.stringify(statement))
  const changed = parse(bundle)
  changed.dsseEnvelope.payload = payload.toString('base64')
  const pae = Buffer.concat([
    Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `),
    payload,
  ])
  return replaceSignature(encode(changed), sign('sha256', pae, privateKey))
}

/** Other resources, with the root digest that goes with them. */
function setRoot(statement: Statement, resources: Record<string, string>[]): void {
  statement.predicate.resources = resources
  const raw = resources.map((resource) => Buffer.from(resource['digest'] ?? '', 'hex'))
  statement.subject = [{ name: 'income', digest: { sha256: sha256(Buffer.concat(raw)) } }]
}

function edit(change: (changed: Bundle) => unknown): Buffer {
  const changed = parse(bundle)
  change(changed)
  return encode(changed)
}

function replaceSignature(signed: Uint8Array, signature: Buffer): Buffer {
  const changed = parse(signed)
  changed.dsseEnvelope.signatures = [{ sig: signature.toString('base64'), keyid: '' }]
  return encode(changed)
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function keyPair(namedCurve: string): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve })
}

function pemOf(key: KeyObject): string {
  const spki = key.type === 'public' ? key : createPublicKey(key)
  return spki.export({ format: 'pem', type: 'spki' }).toString()
}

function fileOf(path: string, content: string): { path: string; sizeBytes: number; sha256: Sha256 } {
  return { path, sizeBytes: Buffer.byteLength(content), sha256: sha256(content) }
}

async function writeFiles(directory: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}
