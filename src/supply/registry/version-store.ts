import type { Transaction } from 'kysely'
import { z } from 'zod'
import {
  type Artifact,
  type ArtifactId,
  type EventId,
  isSha256,
  type Manifest,
  type ModelName,
  SallyportError,
  SEVERITIES,
  type Sha256,
  type VersionName,
} from '../../core/index.ts'
import { canonicalJson, manifestId } from '../../crypto/index.ts'
import type { Database } from '../../storage/index.ts'
import { type Lineage, LineageSchema } from '../lineage/index.ts'
import type { SupplyTables, VersionStatusTable, VersionTable } from './migrations.ts'
import { type ModelDeclaration, ModelDeclarationSchema } from './model-declaration.ts'
import type { ModelVersion, StatusChange } from './model-version.ts'

/** What of a scan is kept with a version: enough to decide again under another policy. */
const ScanSummarySchema = z.strictObject({
  verdict: z.enum(['clean', 'findings', 'inconclusive']),
  /** Of the model file, by content. */
  format: z.string(),
  findings: z.array(z.strictObject({ rule: z.string(), severity: z.enum(SEVERITIES) })),
  scanner: z.strictObject({ name: z.string(), version: z.string() }),
})
export type ScanSummary = Readonly<z.infer<typeof ScanSummarySchema>>

const sha256 = z.custom<Sha256>((value) => typeof value === 'string' && isSha256(value))
const ManifestSchema: z.ZodType<Manifest> = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.enum(['model', 'dataset']),
  files: z.array(z.strictObject({ path: z.string(), sizeBytes: z.int(), sha256 })),
})

/** Everything of a version that is written once. */
export interface NewVersion {
  readonly artifact: Artifact
  readonly bundle: Sha256
  readonly keyHint: Sha256
  readonly declaration: ModelDeclaration
  readonly lineage: Lineage
  readonly scan: ScanSummary
  readonly admittedAt: number
  readonly actor: string
  readonly logSizeBefore: number
}

/** A change of status whose event is not known to be durable. */
export interface PendingChange {
  readonly model: ModelName
  readonly number: number
  readonly sequence: number
  readonly status: 'admitted' | 'revoked'
  readonly artifactId: ArtifactId
  readonly actor: string
  readonly logSizeBefore: number
  readonly reason: string | undefined
}

/** A version as the records have it, with what its inspection needs. */
export interface StoredVersion {
  readonly version: ModelVersion
  /** As stored; whether it is the artifact's is for the inspection to say. */
  readonly manifest: Manifest
  readonly scan: ScanSummary
}

type JoinedRow = VersionTable & { readonly manifest: string; readonly key_hint: string }
type Queries = Database<SupplyTables>['kysely'] | Transaction<SupplyTables>

/** The registry's records. A version whose admission is pending is in none of the answers but `pending`. */
export class VersionStore {
  readonly #database: Database<SupplyTables>

  constructor(database: Database<SupplyTables>) {
    this.#database = database
  }

  /** Writes a version with its admission pending; gives its number, the next of its model. */
  async add(version: NewVersion): Promise<number> {
    const { artifact, declaration } = version
    return this.#database.transaction(async (transaction) => {
      const latest = await transaction
        .selectFrom('versions')
        .select(({ fn }) => fn.max('number').as('number'))
        .where('model', '=', declaration.name)
        .executeTakeFirst()
      const number = Number(latest?.number ?? 0) + 1
      await transaction
        .insertInto('artifacts')
        .values({ id: artifact.id, manifest: canonicalJson(artifact.manifest) })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
      await transaction
        .insertInto('signatures')
        .values({ bundle: version.bundle, artifact_id: artifact.id, key_hint: version.keyHint })
        .execute()
      await transaction
        .insertInto('versions')
        .values({
          model: declaration.name,
          number,
          artifact_id: artifact.id,
          bundle: version.bundle,
          declaration: JSON.stringify(declaration),
          lineage: JSON.stringify(version.lineage),
          scan: JSON.stringify(version.scan),
        })
        .execute()
      await transaction
        .insertInto('version_status')
        .values({
          model: declaration.name,
          number,
          sequence: 0,
          status: 'admitted',
          changed_at: version.admittedAt,
          actor: version.actor,
          reason: null,
          log_size_before: version.logSizeBefore,
          event_id: null,
        })
        .execute()
      return number
    })
  }

  /** Adds a revocation, which counts from now on, with its event pending. */
  async addRevocation(
    model: ModelName,
    number: number,
    change: { at: number; actor: string; reason: string; logSizeBefore: number },
  ): Promise<number> {
    const sequence = 1
    await this.#database.kysely
      .insertInto('version_status')
      .values({
        model,
        number,
        sequence,
        status: 'revoked',
        changed_at: change.at,
        actor: change.actor,
        reason: change.reason,
        log_size_before: change.logSizeBefore,
        event_id: null,
      })
      .execute()
    return sequence
  }

  /** The event of a change is durable. */
  async complete(model: ModelName, number: number, sequence: number, eventId: EventId): Promise<void> {
    await this.#database.kysely
      .updateTable('version_status')
      .set({ event_id: eventId })
      .where('model', '=', model)
      .where('number', '=', number)
      .where('sequence', '=', sequence)
      .where('event_id', 'is', null)
      .execute()
  }

  /** Takes back a version whose admission never became durable. */
  async forget(model: ModelName, number: number): Promise<void> {
    await this.#database.transaction(async (transaction) => {
      const row = await transaction
        .selectFrom('versions')
        .innerJoin('version_status', (join) =>
          join
            .onRef('version_status.model', '=', 'versions.model')
            .onRef('version_status.number', '=', 'versions.number'),
        )
        .select(['versions.bundle', 'versions.artifact_id'])
        .where('versions.model', '=', model)
        .where('versions.number', '=', number)
        .where('version_status.status', '=', 'admitted')
        .where('version_status.event_id', 'is', null)
        .executeTakeFirst()
      if (row === undefined) return
      await transaction
        .deleteFrom('version_status')
        .where('model', '=', model)
        .where('number', '=', number)
        .execute()
      await transaction
        .deleteFrom('versions')
        .where('model', '=', model)
        .where('number', '=', number)
        .execute()
      await transaction.deleteFrom('signatures').where('bundle', '=', row.bundle).execute()
      await transaction
        .deleteFrom('artifacts')
        .where('id', '=', row.artifact_id)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('versions').select('number').where('artifact_id', '=', row.artifact_id))),
        )
        .execute()
    })
  }

  /** Every change without an event, in the order in which they were made. */
  async pending(): Promise<PendingChange[]> {
    const rows = await this.#database.kysely
      .selectFrom('version_status')
      .innerJoin('versions', (join) =>
        join
          .onRef('versions.model', '=', 'version_status.model')
          .onRef('versions.number', '=', 'version_status.number'),
      )
      .selectAll('version_status')
      .select('versions.artifact_id')
      .where('version_status.event_id', 'is', null)
      .orderBy('version_status.model')
      .orderBy('version_status.number')
      .orderBy('version_status.sequence')
      .execute()
    return rows.map((row) => ({
      model: row.model as ModelName,
      number: row.number,
      sequence: row.sequence,
      status: row.status,
      artifactId: row.artifact_id as ArtifactId,
      actor: row.actor,
      logSizeBefore: row.log_size_before,
      reason: row.reason ?? undefined,
    }))
  }

  /** By model, then by number. */
  async list(): Promise<ModelVersion[]> {
    return (await this.#find(this.#database.kysely, {})).map(({ version }) => version)
  }

  async find(model: ModelName, version: VersionName): Promise<StoredVersion | undefined> {
    if (!/^[1-9][0-9]{0,8}$/.test(version)) return undefined
    const [found] = await this.#find(this.#database.kysely, { model, number: Number(version) })
    return found
  }

  async findByArtifact(model: ModelName, artifactId: ArtifactId): Promise<ModelVersion | undefined> {
    const [found] = await this.#find(this.#database.kysely, { model, artifactId })
    return found?.version
  }

  /** Every blob that a version names, pending ones included. */
  async references(): Promise<Set<Sha256>> {
    const rows = await this.#select(this.#database.kysely, {})
    const references = new Set<Sha256>()
    for (const row of rows) {
      references.add(row.bundle as Sha256)
      for (const file of parse(ManifestSchema, row.manifest).files) references.add(file.sha256)
    }
    return references
  }

  async #find(queries: Queries, filter: Filter): Promise<StoredVersion[]> {
    const rows = await this.#select(queries, filter)
    let statuses = queries.selectFrom('version_status').selectAll()
    if (filter.model !== undefined) statuses = statuses.where('model', '=', filter.model)
    const changes = Map.groupBy(await statuses.orderBy('sequence').execute(), keyOf)
    return rows.flatMap((row) => {
      const history = changes.get(keyOf(row)) ?? []
      const [admission] = history
      if (admission === undefined || admission.event_id === null) return []
      return [toStoredVersion(row, admission, admission.event_id as EventId, history)]
    })
  }

  #select(queries: Queries, filter: Filter): Promise<JoinedRow[]> {
    let query = queries
      .selectFrom('versions')
      .innerJoin('artifacts', 'artifacts.id', 'versions.artifact_id')
      .innerJoin('signatures', 'signatures.bundle', 'versions.bundle')
      .selectAll('versions')
      .select(['artifacts.manifest', 'signatures.key_hint'])
    if (filter.model !== undefined) query = query.where('versions.model', '=', filter.model)
    if (filter.number !== undefined) query = query.where('versions.number', '=', filter.number)
    if (filter.artifactId !== undefined) query = query.where('versions.artifact_id', '=', filter.artifactId)
    return query.orderBy('versions.model').orderBy('versions.number').execute()
  }
}

interface Filter {
  readonly model?: ModelName
  readonly number?: number
  readonly artifactId?: ArtifactId
}

function keyOf({ model, number }: { model: string; number: number }): string {
  return `${model}@${number}`
}

function toStoredVersion(
  row: JoinedRow,
  admission: VersionStatusTable,
  eventId: EventId,
  history: readonly VersionStatusTable[],
): StoredVersion {
  const declaration = parse(ModelDeclarationSchema, row.declaration)
  const manifest = parse(ManifestSchema, row.manifest)
  const version: ModelVersion = {
    model: row.model as ModelName,
    version: String(row.number) as VersionName,
    artifactId: row.artifact_id as ArtifactId,
    status: history.some((change) => change.status === 'revoked') ? 'revoked' : 'admitted',
    admittedAt: admission.changed_at,
    eventId,
    description: declaration.description,
    licence: declaration.licence,
    ...(declaration.batching === undefined ? {} : { maxBatchRows: declaration.batching.maxRows }),
    ...(declaration.framework === undefined ? {} : { framework: declaration.framework }),
    schema: { inputs: declaration.inputs, outputs: declaration.outputs },
    lineage: parse(LineageSchema, row.lineage),
    files: manifest.files,
    signature: { bundle: row.bundle as Sha256, keyHint: row.key_hint as Sha256 },
    history: history.map(toStatusChange),
  }
  return { version, manifest, scan: parse(ScanSummarySchema, row.scan) }
}

function toStatusChange(row: VersionStatusTable): StatusChange {
  return {
    status: row.status,
    at: row.changed_at,
    by: row.actor,
    ...(row.reason === null ? {} : { reason: row.reason }),
  }
}

/** Whether a manifest is the one that the id names. */
export function isManifestOf(manifest: Manifest, id: ArtifactId): boolean {
  return manifestId(manifest) === id
}

function parse<Value>(schema: z.ZodType<Value>, text: string): Value {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new SallyportError('supply.record-corrupt', 'a record of the registry is damaged', {
      kind: 'internal',
      remedy: 'restore the records from a backup',
      cause,
    })
  }
}
