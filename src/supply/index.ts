/** The life of an artifact until it may run: intake, scan, signature, admission, registry. */
export { type AdmissionPolicy, AdmissionPolicySchema, type AdmissionReason } from './admission/index.ts'
export { type DatasetManifest, DatasetManifestSchema } from './datasets/index.ts'
export {
  DEFAULT_INTAKE_BUDGET,
  type IncomingFile,
  type IntakeBudget,
  packDirectory,
  readDirectory,
  readTar,
} from './intake/index.ts'
export type { Lineage } from './lineage/index.ts'
export {
  type Check,
  type EvidenceLog,
  type ModelDeclaration,
  ModelDeclarationSchema,
  Models,
  type ModelsParts,
  type ModelVersion,
  type OpenedModel,
  type PushOptions,
  type PushResult,
  type Revocation,
  type StatusChange,
  type SupplyTables,
  supplyMigrations,
  type VerifyReport,
} from './registry/index.ts'
export {
  type FileReport,
  parseAllowedGlobals,
  parseSuppressions,
  RULES,
  type Rule,
  readScanCache,
  SCANNER,
  type ScanInput,
  type ScannedPath,
  type ScanOptions,
  type ScanReport,
  type ScanVerdict,
  type SuppressedReport,
  scan,
  scanArtifact,
  scannerDigest,
  scanPaths,
  suppress,
  toJson,
  toJUnit,
  toSarif,
  writeScanCache,
} from './scan/index.ts'
export {
  signArtifact,
  signDirectory,
  type TrustedKey,
  trustKey,
  type VerifiedDirectory,
  type VerifiedSignature,
  verifyBundle,
  verifyDirectory,
} from './sign/index.ts'
