import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Sha256 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { packDirectory, signArtifact } from '../../supply/index.ts'
import { type Attack, expectRefusal } from './attack.ts'
import { OWNER, type Target } from './target.ts'

/** What somebody can do who writes to the state folder, or pushes to the control plane, behind the server's back. */
export const storageAttacks: readonly Attack[] = [
  {
    name: 'stored-model-byte-changed',
    async attempt(target) {
      const path = blobPath(target, modelDigest(target))
      const bytes = await readFile(path)
      const tampered = Buffer.from(bytes)
      tampered[tampered.length >> 1] = (tampered[tampered.length >> 1] ?? 0) ^ 1
      await overwrite(path, tampered)
      try {
        return await expectRefusal(() => deploy(target))
      } finally {
        await overwrite(path, bytes)
      }
    },
  },
  {
    name: 'signature-swapped-for-a-strangers',
    async attempt(target) {
      const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { model, files } = target.version
      const bundle = signArtifact({ schemaVersion: 1, kind: 'model', files }, model, stranger.privateKey)
      return withBundle(target, bundle, () => expectRefusal(() => deploy(target)))
    },
  },
  {
    name: 'revoked-version-replayed',
    async attempt(target) {
      const { model, version } = target.version
      await target.server.platform.revokeVersion(model, version, 'shown to be revoked by the demo', OWNER)
      return expectRefusal(() => deploy(target))
    },
  },
  {
    name: 'revoked-bytes-pushed-again',
    attempt: (target) => expectRefusal(() => push(target)),
  },
  {
    name: 'pickle-pushed-as-onnx',
    async attempt(target) {
      // What `pickle.dumps` gives for an object whose `__reduce__` is (os.system, ('true',)); nothing here runs it.
      await writeFile(join(target.directory, 'model.onnx'), "cos\nsystem\n(S'true'\ntR.")
      return expectRefusal(() => push(target))
    },
  },
]

const deploy = ({ server, version, environment }: Target) =>
  server.platform.deploy(version.model, version.version, environment, OWNER)

const push = ({ server, directory }: Target) => server.platform.push(packDirectory(directory), OWNER)

function modelDigest({ version }: Target): Sha256 {
  const file = version.files.find(({ path }) => path.endsWith('.onnx'))
  if (file === undefined) throw new Error('the target has no model file')
  return file.sha256
}

const blobPath = ({ server }: Target, digest: Sha256) =>
  join(server.platform.folder.blobs, 'sha256', digest.slice(0, 2), digest)

/** Stored blobs are read-only; that stops accidents, not an attacker with the same user. */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  await chmod(path, 0o600)
  await writeFile(path, bytes)
  await chmod(path, 0o400)
}

/** Makes the records name another signature for the target, as somebody with access to the database file would. */
async function withBundle<Result>(
  target: Target,
  bundle: Uint8Array,
  work: () => Promise<Result>,
): Promise<Result> {
  const digest = sha256(bundle)
  const path = blobPath(target, digest)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bundle)
  const { model, version, artifactId, signature } = target.version
  const records = new DatabaseSync(target.server.platform.folder.records, { timeout: 5_000 })
  const name = (which: string) =>
    records
      .prepare('UPDATE versions SET bundle = ? WHERE model = ? AND number = ?')
      .run(which, model, Number(version))
  try {
    records
      .prepare('INSERT INTO signatures (bundle, artifact_id, key_hint) VALUES (?, ?, ?)')
      .run(digest, artifactId, signature.keyHint)
    name(digest)
    try {
      return await work()
    } finally {
      name(signature.bundle)
      records.prepare('DELETE FROM signatures WHERE bundle = ?').run(digest)
    }
  } finally {
    records.close()
  }
}
