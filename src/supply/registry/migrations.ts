import type { Migration } from '../../storage/index.ts'

/** The files of an artifact: its canonical manifest, whose SHA-256 is the id. */
export interface ArtifactTable {
  readonly id: string
  /** RFC 8785. */
  readonly manifest: string
}

export interface SignatureTable {
  /** The blob that holds the OMS bundle. */
  readonly bundle: string
  readonly artifact_id: string
  readonly key_hint: string
}

/** Written once, with the blobs of everything it names already durable; there is no statement that changes a row. */
export interface VersionTable {
  readonly model: string
  readonly number: number
  readonly artifact_id: string
  readonly bundle: string
  /** ModelDeclaration as JSON, from the artifact's `model.yaml`. */
  readonly declaration: string
  /** Lineage as JSON. */
  readonly lineage: string
  /** ScanSummary as JSON. */
  readonly scan: string
}

/** The history of a version. Rows are added; only `event_id` is filled in, once. */
export interface VersionStatusTable {
  readonly model: string
  readonly number: number
  /** From 0 within a version. */
  readonly sequence: number
  readonly status: 'admitted' | 'revoked'
  readonly changed_at: number
  readonly actor: string
  readonly reason: string | null
  /** Size of the log before the event was appended: where recovery begins to look for it. */
  readonly log_size_before: number
  /** Null until the event is durable. */
  readonly event_id: string | null
}

export interface SupplyTables {
  readonly artifacts: ArtifactTable
  readonly signatures: SignatureTable
  readonly versions: VersionTable
  readonly version_status: VersionStatusTable
}

export const supplyMigrations: readonly Migration[] = [
  {
    name: '002-supply-versions',
    async up({ schema }) {
      await schema
        .createTable('artifacts')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('manifest', 'text', (column) => column.notNull())
        .execute()
      await schema
        .createTable('signatures')
        .addColumn('bundle', 'text', (column) => column.primaryKey())
        .addColumn('artifact_id', 'text', (column) => column.notNull().references('artifacts.id'))
        .addColumn('key_hint', 'text', (column) => column.notNull())
        .execute()
      await schema
        .createTable('versions')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('number', 'integer', (column) => column.notNull())
        .addColumn('artifact_id', 'text', (column) => column.notNull().references('artifacts.id'))
        .addColumn('bundle', 'text', (column) => column.notNull().references('signatures.bundle'))
        .addColumn('declaration', 'text', (column) => column.notNull())
        .addColumn('lineage', 'text', (column) => column.notNull())
        .addColumn('scan', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('versions_key', ['model', 'number'])
        .addUniqueConstraint('versions_artifact', ['model', 'artifact_id'])
        .execute()
      await schema
        .createTable('version_status')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('number', 'integer', (column) => column.notNull())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('changed_at', 'integer', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('log_size_before', 'integer', (column) => column.notNull())
        .addColumn('event_id', 'text')
        .addPrimaryKeyConstraint('version_status_key', ['model', 'number', 'sequence'])
        .addForeignKeyConstraint('version_status_version', ['model', 'number'], 'versions', [
          'model',
          'number',
        ])
        .execute()
    },
  },
]
