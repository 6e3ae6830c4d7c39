import type { Migration } from '../storage/index.ts'

export interface DeploymentTable {
  readonly id: string
  readonly model: string
  /** Null in the row of a withdrawal: from then on nothing of the model is in force. */
  readonly version: string | null
  readonly environment: string
  readonly artifact_id: string | null
  readonly deployed_at: number
  /** Size of the log before the event was appended: where recovery begins to look for it. */
  readonly log_size_before: number
  /** Null until the event is durable; such a row was never acknowledged. */
  readonly event_id: string | null
}

export interface RolloutTables {
  readonly deployments: DeploymentTable
}

export const rolloutMigrations: readonly Migration[] = [
  {
    name: '004-rollout-deployments',
    async up(schema) {
      await schema.schema
        .createTable('deployments')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'text')
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('artifact_id', 'text')
        .addColumn('deployed_at', 'bigint', (column) => column.notNull())
        .addColumn('log_size_before', 'bigint', (column) => column.notNull())
        .addColumn('event_id', 'text')
        .execute()
      await schema.schema
        .createIndex('deployments_by_environment')
        .on('deployments')
        .columns(['environment', 'model', 'deployed_at'])
        .execute()
    },
  },
]
