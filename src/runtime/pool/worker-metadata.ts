import { z } from 'zod'
import { type ArtifactId, DATATYPES, type Datatype, isSha256 } from '../../core/index.ts'
import { MAX_RANK, MAX_TENSORS, PROTOCOL_VERSION } from '../protocol/index.ts'
import type { SandboxTier } from '../sandbox/index.ts'

/** A tensor as the model itself declares it. */
export interface TensorMetadata {
  readonly name: string
  readonly datatype: Datatype
  /** -1 is a free dimension; empty for a scalar and for a shape the model does not declare. */
  readonly shape: readonly number[]
}

/** What a worker said when it had loaded its model, checked against what it was given. */
export interface WorkerMetadata {
  /** SHA-256 of the manifest, recomputed by the worker after it checked the model file against that manifest. */
  readonly digest: ArtifactId
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
  readonly versions: { readonly node: string; readonly onnxruntime: string }
  readonly tier: SandboxTier
}

const printable = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^\P{C}*$/u)

const tensors = z
  .array(
    z.strictObject({
      name: printable(512).min(1),
      datatype: z.enum(DATATYPES),
      shape: z.array(z.int().min(-1)).max(MAX_RANK),
    }),
  )
  .max(MAX_TENSORS)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length)

/** What READY says. */
export const readyMessage = z.strictObject({
  protocol: z.literal(PROTOCOL_VERSION),
  digest: z.string().refine(isSha256),
  inputs: tensors,
  outputs: tensors.min(1),
  versions: z.strictObject({ node: printable(64), onnxruntime: printable(64) }),
})

/** What a worker says that does not load its model; the reason can quote the model file, so it is cut and cleaned. */
export const refusedMessage = z.strictObject({
  code: z.enum(['runtime.model-bytes-mismatch', 'runtime.manifest-unreadable', 'runtime.model-unloadable']),
  reason: z
    .string()
    .max(500)
    .transform((text) => text.replace(/\P{ASCII}|\p{C}/gu, ' ')),
})
