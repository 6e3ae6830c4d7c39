import { z } from 'zod'
import { isSha256, SallyportError, type Sha256 } from '../../core/index.ts'
import { readDatasetManifest } from '../datasets/index.ts'

const sha256 = z.custom<Sha256>((value) => typeof value === 'string' && isSha256(value))

/** Where a version comes from: what it was trained on and how well it did, as its signed package says. */
export const LineageSchema = z.strictObject({
  dataset: z
    .strictObject({
      name: z.string(),
      /** SHA-256 of the package's `dataset.json`. */
      manifest: sha256,
      source: z.string(),
      licence: z.string(),
      rows: z.int(),
      files: z.int().describe('How many files the dataset has.'),
    })
    .exactOptional(),
  /** Figures of the model card by name, such as `accuracy`. */
  metrics: z.record(z.string(), z.number()),
})

export type Lineage = Readonly<z.infer<typeof LineageSchema>>

/** What a package says about its origin. */
export interface DeclaredOrigin {
  readonly dataset?: { readonly name: string; readonly manifest: Sha256 } | undefined
  readonly metrics: Readonly<Record<string, number>>
}

/**
 * The lineage that a package proves: the dataset it declares is the one whose manifest it holds.
 * @param datasetFile the package's `dataset.json` with the digest of exactly these bytes.
 * @throws SallyportError `supply.dataset-invalid`, `supply.dataset-mismatch` (invalid).
 */
export function lineageOf(
  { dataset, metrics }: DeclaredOrigin,
  datasetFile: { readonly sha256: Sha256; readonly bytes: Uint8Array } | undefined,
): Lineage {
  if (dataset === undefined && datasetFile === undefined) return { metrics }
  if (dataset === undefined) throw mismatch('the package has a dataset.json that model.yaml does not name')
  if (datasetFile === undefined) throw mismatch('model.yaml names a dataset, the package has no dataset.json')
  if (datasetFile.sha256 !== dataset.manifest) {
    throw mismatch('dataset.json is not the file whose SHA-256 stands in model.yaml')
  }
  const manifest = readDatasetManifest(datasetFile.bytes)
  if (manifest.name !== dataset.name) throw mismatch('model.yaml and dataset.json name different datasets')
  const { name, source, licence, rows, files } = manifest
  return {
    dataset: { name, manifest: dataset.manifest, source, licence, rows, files: files.length },
    metrics,
  }
}

function mismatch(message: string): SallyportError {
  return new SallyportError('supply.dataset-mismatch', message, {
    kind: 'invalid',
    remedy: 'put dataset.json in the package and its name and SHA-256 under dataset in model.yaml',
  })
}
