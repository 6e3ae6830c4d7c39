import { type ManifestFile, type ModelSchema, SallyportError, toSallyportError } from '../../core/index.ts'
import { manifestBytes } from '../../crypto/index.ts'
import type { BlobStore } from '../../storage/index.ts'
import { type AdmissionFacts, type AdmissionPolicy, admit } from '../admission/index.ts'
import { MAX_BUNDLE_BYTES, type TrustedKey, verifyBundle } from '../sign/index.ts'
import { type ModelPackage, modelFileOf, readModelPackage } from './model-package.ts'
import { notAdmitted, versionRevoked } from './refusals.ts'
import { isManifestOf, type StoredVersion } from './version-store.ts'

export interface InspectionParts {
  readonly blobs: Pick<BlobStore, 'read'>
  readonly trustedKeys: readonly TrustedKey[]
  readonly policy: AdmissionPolicy
}

/** What the store says of a blob that somebody changed behind its back. */
const ALTERED = ['storage.blob-corrupt', 'storage.blob-too-large', 'storage.blob-untrusted']

/** One thing that must hold before a version runs. */
export interface Check {
  /** `status`, `manifest`, `file PATH`, `signature`, `declaration`, `policy`. */
  readonly check: string
  readonly passed: boolean
  readonly detail: string
}

/** A check with why it failed. */
interface Finished extends Check {
  readonly failure?: SallyportError
}

export interface Inspection {
  readonly checks: readonly Check[]
  /** Of the first check that failed. */
  readonly failure: SallyportError | undefined
  /** Present only when every check passed. */
  readonly proven: Proven | undefined
}

/** What was proven, from exactly the bytes that were hashed. */
export interface Proven {
  readonly manifestBytes: Buffer
  readonly modelFile: { readonly path: string; readonly bytes: Buffer }
  readonly schema: ModelSchema
}

/**
 * Proves everything about a stored version anew: status, manifest, every file (hashed while it is read), signature,
 * declaration, policy. Opening a version and reporting on it are this one thing, so they cannot disagree.
 */
export async function inspect(stored: StoredVersion, parts: InspectionParts): Promise<Inspection> {
  const { version, manifest } = stored
  const finished: Finished[] = []
  const run = async <Value>(check: string, prove: () => Promise<{ detail: string; value: Value }>) => {
    try {
      const { detail, value } = await prove()
      finished.push({ check, passed: true, detail })
      return value
    } catch (thrown) {
      const failure = toSallyportError(thrown)
      finished.push({ check, passed: false, detail: `${failure.message} [${failure.code}]`, failure })
      return undefined
    }
  }

  await run('status', async () => {
    const revocation = version.history.find((change) => change.status === 'revoked')
    if (revocation !== undefined) throw versionRevoked(version)
    return { detail: 'admitted', value: undefined }
  })
  await run('manifest', async () => {
    if (!isManifestOf(manifest, version.artifactId)) throw manifestTampered()
    return { detail: `is artifact ${version.artifactId}`, value: undefined }
  })
  const contents = new Map<string, Buffer>()
  for (const file of manifest.files) {
    const bytes = await run(`file ${file.path}`, async () => ({
      detail: `${file.sizeBytes} bytes, sha256 ${file.sha256}`,
      value: await readFile(parts.blobs, file),
    }))
    // The small texts and the model are used below; nothing else needs to stay in memory.
    if (bytes !== undefined && !file.path.includes('/')) contents.set(file.path, bytes)
  }
  const signature = await run('signature', async () => {
    const bundle = await readBundle(parts.blobs, stored)
    const value = verifyBundle(bundle, manifest, parts.trustedKeys)
    return { detail: `OpenSSF Model Signing v1.0 by key ${value.keyHint}`, value }
  })
  const proven = await run('declaration', async () => {
    const value = await readModelPackage(manifest, async (file) => provenContent(contents, file))
    requireSameName(value, stored)
    return { detail: `model.yaml and dataset.json describe ${version.model}`, value }
  })
  await run('policy', async () => {
    const decision = admit(factsOf(stored, signature !== undefined, proven), parts.policy)
    if (!decision.admitted) throw notAdmitted(decision.reasons)
    return { detail: 'the admission policy in force admits it', value: undefined }
  })
  const failure = finished.find((each) => each.failure !== undefined)?.failure
  const checks = finished.map(({ check, passed, detail }) => ({ check, passed, detail }))
  if (failure !== undefined || proven === undefined) return { checks, failure, proven: undefined }
  const modelFile = modelFileOf(manifest)
  const { inputs, outputs } = proven.declaration
  return {
    checks,
    failure,
    proven: {
      manifestBytes: manifestBytes(manifest),
      modelFile: { path: modelFile.path, bytes: provenContent(contents, modelFile) },
      schema: { inputs, outputs },
    },
  }
}

function factsOf(
  { scan }: StoredVersion,
  isVerified: boolean,
  proven: ModelPackage | undefined,
): AdmissionFacts {
  return {
    signature: isVerified ? { isVerified } : { isVerified, code: 'see the check of the signature' },
    format: scan.format,
    scan: { verdict: scan.verdict, severities: scan.findings.map((finding) => finding.severity) },
    hasDataset: proven?.lineage.dataset !== undefined,
  }
}

async function readFile(blobs: Pick<BlobStore, 'read'>, file: ManifestFile): Promise<Buffer> {
  const bytes = await readBlob(
    blobs,
    file.sha256,
    file.sizeBytes,
    `the stored file ${file.path}`,
    'supply.blob',
  )
  if (bytes.length === file.sizeBytes) return bytes
  throw manifestTampered()
}

/** The blob of the signature is named by a record that anybody who may write there can change: only the key counts. */
async function readBundle(blobs: Pick<BlobStore, 'read'>, { version }: StoredVersion): Promise<Buffer> {
  return readBlob(
    blobs,
    version.signature.bundle,
    MAX_BUNDLE_BYTES,
    'the stored signature',
    'supply.signature',
  )
}

async function readBlob(
  blobs: Pick<BlobStore, 'read'>,
  sha256: ManifestFile['sha256'],
  maxBytes: number,
  what: string,
  prefix: 'supply.blob' | 'supply.signature',
): Promise<Buffer> {
  try {
    return await blobs.read(sha256, { maxBytes })
  } catch (thrown) {
    const cause = toSallyportError(thrown)
    const isMissing = cause.code === 'storage.blob-missing'
    if (!isMissing && !ALTERED.includes(cause.code)) throw cause
    throw new SallyportError(
      `${prefix}-${isMissing ? 'missing' : 'tampered'}`,
      isMissing ? `${what} is missing` : `${what} is not what was admitted: its bytes were changed`,
      {
        kind: 'refused',
        remedy:
          'find out who can write to the state folder; restore the blobs from a backup, or push the model again',
        details: { sha256 },
        cause,
      },
    )
  }
}

function provenContent(contents: ReadonlyMap<string, Buffer>, file: ManifestFile): Buffer {
  const bytes = contents.get(file.path)
  if (bytes !== undefined) return bytes
  throw new SallyportError(
    'supply.blob-missing',
    `${file.path} could not be read, so nothing follows from it`,
    {
      kind: 'refused',
      remedy: 'see the check of that file',
    },
  )
}

function requireSameName({ declaration }: ModelPackage, { version }: StoredVersion): void {
  if (declaration.name === version.model) return
  throw new SallyportError(
    'supply.record-tampered',
    'the signed package belongs to a model of another name',
    {
      kind: 'refused',
      remedy: 'find out who can write to the records; restore them from a backup',
    },
  )
}

function manifestTampered(): SallyportError {
  return new SallyportError('supply.manifest-tampered', 'the stored manifest is not that of the artifact', {
    kind: 'refused',
    remedy: 'find out who can write to the records; restore them from a backup',
  })
}
