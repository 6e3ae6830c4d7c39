import { z } from 'zod'
import { SCOPES, SEVERITIES } from '../core/index.ts'

/** Shapes of the control plane's answers; the API serialises through them, the client parses through them. */

export const NameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'a name is 1 to 63 of a-z 0-9 . _ -')
  .describe('1 to 63 of a-z 0-9 . _ -')

export const ErrorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    remedy: z.string().optional(),
    details: z.record(z.string(), z.unknown()),
  }),
})

export const StatusSchema = z.object({
  instance: z.string(),
  version: z.string(),
  environment: z.string(),
  database: z.enum(['sqlite', 'postgres']),
  isServing: z.boolean(),
  logSize: z.int(),
  models: z.array(
    z.object({
      model: z.string(),
      version: z.string(),
      artifact: z.string(),
      isReady: z.boolean(),
      reason: z.string().optional(),
    }),
  ),
})
export type Status = z.infer<typeof StatusSchema>

export const FindingSchema = z.object({
  rule: z.string(),
  severity: z.enum(SEVERITIES),
  message: z.string(),
  location: z.record(z.string(), z.unknown()),
})

export const ModelVersionSchema = z.object({
  model: z.string(),
  version: z.string(),
  artifact: z.string(),
  status: z.enum(['admitted', 'revoked']),
  admittedAt: z.string(),
  event: z.string(),
  description: z.string(),
  licence: z.string(),
  dataset: z
    .object({
      name: z.string(),
      manifest: z.string(),
      source: z.string(),
      licence: z.string(),
      rows: z.int(),
    })
    .optional(),
  metrics: z.record(z.string(), z.number()),
  files: z.array(z.object({ path: z.string(), sizeBytes: z.int(), sha256: z.string() })),
  signature: z.object({ bundle: z.string(), keyHint: z.string() }),
  history: z.array(z.object({ status: z.string(), at: z.string(), reason: z.string().optional() })),
})
export type ModelVersionView = z.infer<typeof ModelVersionSchema>

export const PushedSchema = z.object({
  version: ModelVersionSchema,
  isNew: z.boolean().describe('False when exactly these bytes were admitted before.'),
})
export type PushedView = z.infer<typeof PushedSchema>

export const VerificationSchema = z.object({
  model: z.string(),
  version: z.string(),
  isSound: z.boolean(),
  checks: z.array(z.object({ check: z.string(), passed: z.boolean(), detail: z.string() })),
})
export type VerificationView = z.infer<typeof VerificationSchema>

export const DeploymentSchema = z.object({
  id: z.string(),
  model: z.string(),
  version: z.string(),
  environment: z.string(),
  artifact: z.string(),
  deployedAt: z.string(),
  event: z.string(),
})
export type DeploymentView = z.infer<typeof DeploymentSchema>

export const WithdrawnSchema = z.object({ model: z.string(), environment: z.string(), event: z.string() })

export const KeySchema = z.object({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: z.string(),
  expiresAt: z.string().optional(),
  revokedAt: z.string().optional(),
})
export type KeyView = z.infer<typeof KeySchema>

export const CreatedKeySchema = z.object({
  key: z.string().describe('The key itself; it is shown once and stored only as a keyed hash.'),
  record: KeySchema,
  event: z.string(),
})
export type CreatedKeyView = z.infer<typeof CreatedKeySchema>

export const EventSchema = z.object({
  index: z.int(),
  id: z.string(),
  type: z.string(),
  at: z.string(),
  data: z.record(z.string(), z.unknown()),
  commitments: z.record(z.string(), z.string()),
})
export type EventView = z.infer<typeof EventSchema>

export const EventPageSchema = z.object({ size: z.int(), events: z.array(EventSchema) })

export const ProofSchema = z.object({
  event: z.string(),
  index: z.int(),
  size: z.int(),
  verifierKey: z.string(),
  proof: z.string().describe('C2SP tlog-proof: the entry, its inclusion proof and the signed checkpoint.'),
})
export type ProofView = z.infer<typeof ProofSchema>
