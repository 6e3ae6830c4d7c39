import { z } from 'zod'
import { isSha256, SallyportError, type Sha256 } from '../../core/index.ts'

/** Longest `dataset.json` that is read. */
const MAX_BYTES = 4 * 1024 * 1024

const sha256 = z.custom<Sha256>((value) => typeof value === 'string' && isSha256(value), {
  error: 'must be 64 lower-case hexadecimal characters',
})
const line = z.string().min(1).max(500)

/** `dataset.json`: which bytes a model was trained on, where they come from and what may be done with them. */
export const DatasetManifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: line,
  description: z.string().max(5000).optional(),
  /** Where the data were got, such as a URL or a DOI. */
  source: line,
  /** An SPDX licence expression, or the terms in words. */
  licence: line,
  citation: z.string().min(1).max(2000).optional(),
  /** Rows of all files together. */
  rows: z.int().min(0),
  files: z
    .array(z.strictObject({ path: line, sha256, sizeBytes: z.int().min(0) }))
    .min(1)
    .max(100_000)
    .refine((files) => new Set(files.map((file) => file.path)).size === files.length, {
      error: 'each path may stand once',
    }),
})

export type DatasetManifest = z.infer<typeof DatasetManifestSchema>

/**
 * Reads `dataset.json`.
 * @throws SallyportError `supply.dataset-invalid` (invalid), which names every wrong field.
 */
export function readDatasetManifest(bytes: Uint8Array): DatasetManifest {
  if (bytes.byteLength > MAX_BYTES) throw invalid([`it is larger than ${MAX_BYTES} bytes`])
  let document: unknown
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw invalid(['it is not JSON in UTF-8'], cause)
  }
  const parsed = DatasetManifestSchema.safeParse(document)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`))
}

function invalid(problems: readonly string[], cause?: unknown): SallyportError {
  return new SallyportError('supply.dataset-invalid', `dataset.json is not valid: ${problems.join('; ')}`, {
    kind: 'invalid',
    remedy: 'see docs/reference/model-package.md for its fields',
    details: { problems },
    ...(cause === undefined ? {} : { cause }),
  })
}
