/** The registry: admitted versions, and the proof of each before it runs. */
export type { Check } from './inspection.ts'
export { type SupplyTables, supplyMigrations } from './migrations.ts'
export { type ModelDeclaration, ModelDeclarationSchema } from './model-declaration.ts'
export type { ModelVersion, StatusChange } from './model-version.ts'
export {
  type EvidenceLog,
  Models,
  type ModelsParts,
  type OpenedModel,
  type PushOptions,
  type PushResult,
  type Revocation,
  type VerifyReport,
} from './models.ts'
