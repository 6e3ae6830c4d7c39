import type { KeyObject } from 'node:crypto'
import type { EventInput, LoggedEvent, Receipt } from '../../audit/index.ts'
import {
  type Artifact,
  type ArtifactId,
  type Clock,
  type EventId,
  type Manifest,
  type ModelName,
  type ModelSchema,
  SallyportError,
  type Sha256,
  toSallyportError,
  type VersionName,
} from '../../core/index.ts'
import type { BlobStore, Database } from '../../storage/index.ts'
import { type AdmissionPolicy, admit, LOCAL_KEY } from '../admission/index.ts'
import { DEFAULT_INTAKE_BUDGET, type IncomingFile, type IntakeBudget, takeIn } from '../intake/index.ts'
import { type ScanReport, scanArtifact } from '../scan/index.ts'
import { signArtifact, type TrustedKey, trustKey, verifyBundle } from '../sign/index.ts'
import { BlobSweeper } from './blob-sweeper.ts'
import { type Check, inspect } from './inspection.ts'
import type { SupplyTables } from './migrations.ts'
import { type ModelPackage, modelFileOf, type ReadFile, readModelPackage } from './model-package.ts'
import type { ModelVersion } from './model-version.ts'
import { notAdmitted, versionRevoked, versionUnknown } from './refusals.ts'
import { type PendingChange, type ScanSummary, type StoredVersion, VersionStore } from './version-store.ts'

/** The transparency log, as far as the registry needs it. */
export interface EvidenceLog {
  readonly size: number
  append(event: EventInput): Promise<Receipt>
  /** Entries with an index of at least `from` and less than `to`. */
  read(from: number, to: number): AsyncIterable<Pick<LoggedEvent, 'id' | 'type' | 'data'>>
}

export interface ModelsParts {
  readonly database: Database<SupplyTables>
  readonly blobs: BlobStore
  /** P-256; signs what is admitted. */
  readonly signingKey: { readonly privateKey: KeyObject; readonly publicKeyPem: string }
  readonly policy: AdmissionPolicy
  readonly clock: Clock
  readonly log: EvidenceLog
  readonly budget?: IntakeBudget
}

export interface PushOptions {
  /** Who pushes; stands in the log only as a salted commitment. */
  readonly pushedBy: string
  /** The name the model must declare. */
  readonly name?: ModelName
  readonly signal?: AbortSignal
}

export interface PushResult {
  readonly version: ModelVersion
  /** False when exactly these bytes were admitted before. */
  readonly isNew: boolean
}

export interface Revocation {
  readonly reason: string
  /** Who revokes; stands in the log, like the reason, only as a salted commitment. */
  readonly revokedBy: string
}

export interface VerifyReport {
  readonly model: ModelName
  readonly version: VersionName
  readonly artifactId: ArtifactId
  readonly isSound: boolean
  readonly checks: readonly Check[]
}

/** A version that may run, with exactly the bytes that were proven. */
export interface OpenedModel {
  readonly artifactId: ArtifactId
  /** RFC 8785; hashes to the artifact's id. */
  readonly manifestBytes: Buffer
  readonly modelFile: { readonly path: string; readonly bytes: Buffer }
  readonly schema: ModelSchema
  readonly versionRecord: ModelVersion
}

/**
 * The registry of models.
 *
 * A push goes through these steps, and a crash between any two leaves either nothing of it or a whole version:
 *
 * 1. Blobs are stored, each durable before the next. Nothing references them yet.
 * 2. The package is read, scanned, signed and decided about; the signature is a blob too.
 * 3. One transaction writes the version with its admission pending. Pending versions are invisible.
 * 4. The event `model.admitted` is appended to the log, durably.
 * 5. The admission is completed with the event's id, and the caller gets the version.
 *
 * After a crash the log decides: a pending admission whose event is in it is completed, any other is forgotten. It was
 * not acknowledged either way. A revocation counts as soon as it is written, before its event; after a crash its event
 * is found or appended.
 */
export class Models {
  readonly #parts: ModelsParts
  readonly #store: VersionStore
  readonly #sweeper: BlobSweeper
  readonly #trustedKeys: readonly TrustedKey[]
  #changing: Promise<unknown> = Promise.resolve()

  private constructor(parts: ModelsParts) {
    this.#parts = parts
    this.#store = new VersionStore(parts.database)
    this.#sweeper = new BlobSweeper(parts.blobs, () => this.#store.references())
    this.#trustedKeys = parts.policy.trustedKeys.map((key) =>
      trustKey(key === LOCAL_KEY ? parts.signingKey.publicKeyPem : key),
    )
  }

  /**
   * Opens the registry and settles what a crash left pending. The tables are there (`supplyMigrations`), and this
   * process owns the state.
   * @throws SallyportError `supply.key-unsupported` for a key of the policy, and what the database or the log throws.
   */
  static async open(parts: ModelsParts): Promise<Models> {
    const models = new Models(parts)
    await models.#settleAll()
    return models
  }

  /**
   * Takes in a model package and admits it as the next version of the model it declares, or refuses it. A refusal is
   * recorded as `model.refused`, its event stands in the error's `details.event`, and nothing of the package is kept.
   * @throws SallyportError `supply.…`: of intake (see `takeIn`), of the package (see `readModelPackage`),
   *   `supply.declaration-mismatch`, `supply.model-name-mismatch`, `supply.model-unreadable`, `supply.not-admitted`
   *   (with `details.reasons`), `supply.version-revoked`, `supply.push-cancelled`.
   */
  async push(source: AsyncIterable<IncomingFile>, options: PushOptions): Promise<PushResult> {
    const subject: { model?: ModelName; artifact?: ArtifactId } = {}
    try {
      return await this.#sweeper.guard((stored) => this.#push(source, options, stored, subject))
    } catch (thrown) {
      throw await this.#recordRefusal(toSallyportError(thrown), options, subject)
    }
  }

  /** Every version, by model and number. */
  async list(): Promise<ModelVersion[]> {
    return this.#store.list()
  }

  /** @throws SallyportError `supply.version-unknown` (not-found). */
  async show(model: ModelName, version: VersionName): Promise<ModelVersion> {
    return (await this.#require(model, version)).version
  }

  /**
   * Proves a version anew and reports on every check, also on those after the first that failed.
   * @throws SallyportError `supply.version-unknown` (not-found).
   */
  async verify(model: ModelName, version: VersionName): Promise<VerifyReport> {
    const stored = await this.#require(model, version)
    const { checks, failure } = await this.#inspect(stored)
    return { model, version, artifactId: stored.version.artifactId, isSound: failure === undefined, checks }
  }

  /**
   * Gives a version's bytes, after everything about it was proven anew from exactly these bytes.
   * @throws SallyportError `supply.version-unknown` (not-found); `supply.version-revoked`, `supply.manifest-tampered`,
   *   `supply.blob-tampered`, `supply.blob-missing`, `supply.signature-…`, `supply.record-tampered`,
   *   `supply.not-admitted` (refused).
   */
  async open(model: ModelName, version: VersionName): Promise<OpenedModel> {
    const stored = await this.#require(model, version)
    const { failure, proven } = await this.#inspect(stored)
    if (proven === undefined) throw failure ?? versionUnknown(model, version)
    return { ...proven, artifactId: stored.version.artifactId, versionRecord: stored.version }
  }

  /**
   * Revokes a version for good. Revoking it again changes nothing.
   * @throws SallyportError `supply.version-unknown` (not-found).
   */
  async revoke(
    model: ModelName,
    version: VersionName,
    { reason, revokedBy }: Revocation,
  ): Promise<ModelVersion> {
    return this.#inTurn(async () => {
      const { version: current } = await this.#require(model, version)
      if (current.status === 'revoked') return current
      const number = Number(version)
      const logSizeBefore = this.#parts.log.size
      const change = { at: this.#parts.clock.now(), actor: revokedBy, reason, logSizeBefore }
      const sequence = await this.#store.addRevocation(model, number, change)
      await this.#settle({
        model,
        number,
        sequence,
        status: 'revoked',
        artifactId: current.artifactId,
        actor: revokedBy,
        reason,
        logSizeBefore,
      })
      return this.show(model, version)
    })
  }

  /**
   * Deletes every blob that no version references: what pushes left that ended with the process. Does nothing while a
   * push runs, or when there is no version at all: an empty registry beside full blobs is more likely a wrong database.
   * @returns how many blobs were deleted.
   */
  async sweepUnreferenced(): Promise<number> {
    if ((await this.#store.references()).size === 0) return 0
    const all: Sha256[] = []
    for await (const blob of this.#parts.blobs.list()) all.push(blob.sha256)
    return this.#sweeper.sweep(all)
  }

  async #push(
    source: AsyncIterable<IncomingFile>,
    { name, pushedBy, signal }: PushOptions,
    stored: (blob: Sha256) => void,
    subject: { model?: ModelName; artifact?: ArtifactId },
  ): Promise<PushResult> {
    const { blobs, budget = DEFAULT_INTAKE_BUDGET } = this.#parts
    const artifact = await takeIn('model', source, blobs, {
      budget,
      onStored: (file) => stored(file.sha256),
      ...(signal === undefined ? {} : { signal }),
    })
    subject.artifact = artifact.id
    const read = rememberingReader(blobs)
    const modelPackage = await readModelPackage(artifact.manifest, read)
    const { declaration } = modelPackage
    subject.model = declaration.name
    requireName(declaration.name, name)
    const known = await this.#findKnown(declaration.name, artifact)
    if (known !== undefined) return known
    const scan = await scanPackage(artifact.manifest, read, signal)
    await requireInterface(modelPackage, artifact.manifest, read, scan)
    return this.#inTurn(
      async () =>
        (await this.#findKnown(declaration.name, artifact)) ??
        (await this.#admit(artifact, modelPackage, scan, pushedBy, stored)),
    )
  }

  async #admit(
    artifact: Artifact,
    { declaration, lineage }: ModelPackage,
    report: ScanReport,
    actor: string,
    stored: (blob: Sha256) => void,
  ): Promise<PushResult> {
    const { blobs, clock, log, policy, signingKey } = this.#parts
    const bundle = signArtifact(artifact.manifest, declaration.name, signingKey.privateKey)
    const signature = checkSignature(bundle, artifact.manifest, this.#trustedKeys)
    const scan = summarise(report)
    const severities = scan.findings.map((finding) => finding.severity)
    const decision = admit(
      {
        signature,
        format: scan.format,
        scan: { verdict: scan.verdict, severities },
        hasDataset: lineage.dataset !== undefined,
      },
      policy,
    )
    if (!decision.admitted) throw notAdmitted(decision.reasons, { findings: report.findings.slice(0, 20) })
    if (!signature.isVerified) throw notAdmitted([])
    const blob = await blobs.put(piecesOf(bundle), { maxBytes: bundle.length })
    stored(blob.sha256)
    const logSizeBefore = log.size
    const number = await this.#store.add({
      artifact,
      bundle: blob.sha256,
      keyHint: signature.keyHint,
      declaration,
      lineage,
      scan,
      admittedAt: clock.now(),
      actor,
      logSizeBefore,
    })
    const change = { model: declaration.name, number, artifactId: artifact.id, actor }
    const receipt = await log.append(admissionEvent(change, signature.keyHint))
    await this.#store.complete(declaration.name, number, 0, receipt.id)
    return { version: await this.show(declaration.name, String(number) as VersionName), isNew: true }
  }

  /** The version that these bytes are already. */
  async #findKnown(model: ModelName, artifact: Artifact): Promise<PushResult | undefined> {
    const version = await this.#store.findByArtifact(model, artifact.id)
    if (version === undefined) return undefined
    if (version.status === 'revoked') throw versionRevoked(version)
    return { version, isNew: false }
  }

  /** Brings a pending change in line with the log. */
  async #settle(change: PendingChange): Promise<void> {
    const { model, number, sequence } = change
    const found = await this.#findEvent(change)
    if (found !== undefined) return this.#store.complete(model, number, sequence, found)
    if (change.status === 'admitted') return this.#store.forget(model, number)
    const receipt = await this.#parts.log.append(revocationEvent(change))
    return this.#store.complete(model, number, sequence, receipt.id)
  }

  async #findEvent({
    model,
    number,
    status,
    artifactId,
    logSizeBefore,
  }: PendingChange): Promise<EventId | undefined> {
    const { log } = this.#parts
    for await (const { id, type, data } of log.read(logSizeBefore, log.size)) {
      const isOfVersion =
        data['model'] === model && data['version'] === String(number) && data['artifact'] === artifactId
      if (type === `model.${status}` && isOfVersion) return id
    }
    return undefined
  }

  async #require(model: ModelName, version: VersionName): Promise<StoredVersion> {
    const stored = await this.#store.find(model, version)
    if (stored === undefined) throw versionUnknown(model, version)
    return stored
  }

  #inspect(stored: StoredVersion) {
    const { blobs, policy } = this.#parts
    return inspect(stored, { blobs, policy, trustedKeys: this.#trustedKeys })
  }

  /** Changes of the registry are made one after the other, each on ground that an earlier one's failure left settled. */
  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const settled = async () => {
      await this.#settleAll()
      return change()
    }
    const turn = this.#changing.then(settled, settled)
    this.#changing = turn.catch(() => undefined)
    return turn
  }

  async #settleAll(): Promise<void> {
    for (const change of await this.#store.pending()) await this.#settle(change)
  }

  async #recordRefusal(
    refusal: SallyportError,
    { pushedBy }: PushOptions,
    { model, artifact }: { model?: ModelName; artifact?: ArtifactId },
  ): Promise<SallyportError> {
    if (!isDecision(refusal)) return refusal
    const reasons = refusal.details['reasons']
    const receipt = await this.#parts.log.append({
      type: 'model.refused',
      data: {
        code: refusal.code,
        ...(model === undefined ? {} : { model }),
        ...(artifact === undefined ? {} : { artifact }),
        ...(Array.isArray(reasons)
          ? { reasons: reasons.map((reason: { code: string }) => reason.code) }
          : {}),
      },
      private: { actor: pushedBy },
    })
    return new SallyportError(refusal.code, refusal.message, {
      kind: refusal.kind,
      details: { ...refusal.details, event: receipt.id },
      cause: refusal.cause,
      ...(refusal.remedy === undefined ? {} : { remedy: refusal.remedy }),
    })
  }
}

/** A refusal is about the package; anything else (a broken connection, a full disk) is no decision about it. */
function isDecision({ kind }: SallyportError): boolean {
  return kind === 'invalid' || kind === 'refused' || kind === 'too-large'
}

function admissionEvent(
  { model, number, artifactId, actor }: Pick<PendingChange, 'model' | 'number' | 'artifactId' | 'actor'>,
  keyHint: Sha256,
): EventInput {
  return {
    type: 'model.admitted',
    data: { model, version: String(number), artifact: artifactId, signedBy: keyHint },
    private: { actor },
  }
}

function revocationEvent({ model, number, artifactId, actor, reason }: PendingChange): EventInput {
  return {
    type: 'model.revoked',
    data: { model, version: String(number), artifact: artifactId },
    private: { actor, reason: reason ?? '' },
  }
}

/** Each file is read, and so hashed again, at most once; the bytes that were scanned are those that were declared on. */
function rememberingReader(blobs: BlobStore): ReadFile {
  const read = new Map<Sha256, Promise<Buffer>>()
  return (file) => {
    const bytes = read.get(file.sha256) ?? blobs.read(file.sha256, { maxBytes: file.sizeBytes })
    read.set(file.sha256, bytes)
    return bytes
  }
}

async function scanPackage(
  manifest: Manifest,
  read: ReadFile,
  signal: AbortSignal | undefined,
): Promise<ScanReport> {
  const files = manifest.files.map((file) => ({
    path: file.path,
    sizeBytes: file.sizeBytes,
    bytes: () => read(file),
  }))
  try {
    return await scanArtifact(files, signal === undefined ? {} : { signal })
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown
    throw new SallyportError('supply.push-cancelled', 'the push was cancelled', {
      kind: 'unavailable',
      remedy: 'push again; nothing was kept',
      cause: thrown,
    })
  }
}

/** Holds the declaration against the model itself; what is no ONNX by content is for the policy to refuse. */
async function requireInterface(
  { declaration }: ModelPackage,
  manifest: Manifest,
  read: ReadFile,
  report: ScanReport,
): Promise<void> {
  if (formatOf(report) !== 'onnx') return
  // Loaded here: a server that only opens versions does without the readers of formats.
  const { requireDeclaredInterface } = await import('./declared-interface.ts')
  requireDeclaredInterface(declaration, await read(modelFileOf(manifest)))
}

function formatOf(report: ScanReport): string {
  return report.files.find((file) => file.path === 'model.onnx')?.format ?? 'unknown'
}

function summarise(report: ScanReport): ScanSummary {
  const findings = report.findings.map(({ rule, severity }) => ({ rule, severity }))
  return { verdict: report.verdict, format: formatOf(report), findings, scanner: report.scanner }
}

function requireName(declared: ModelName, expected: ModelName | undefined): void {
  if (expected === undefined || declared === expected) return
  throw new SallyportError('supply.model-name-mismatch', 'model.yaml names another model', {
    kind: 'invalid',
    remedy: 'correct name in model.yaml, or push without giving a name',
  })
}

function checkSignature(bundle: Buffer, manifest: Manifest, trustedKeys: readonly TrustedKey[]) {
  try {
    return { isVerified: true, keyHint: verifyBundle(bundle, manifest, trustedKeys).keyHint } as const
  } catch (thrown) {
    return { isVerified: false, code: toSallyportError(thrown).code } as const
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
