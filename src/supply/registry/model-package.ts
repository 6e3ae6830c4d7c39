import { type Manifest, type ManifestFile, SallyportError } from '../../core/index.ts'
import { type Lineage, lineageOf } from '../lineage/index.ts'
import { type ModelDeclaration, readModelDeclaration } from './model-declaration.ts'

export const MODEL_FILE = 'model.onnx'
const DECLARATION_FILE = 'model.yaml'
const DATASET_FILE = 'dataset.json'

/** What the texts of a model package say. */
export interface ModelPackage {
  readonly declaration: ModelDeclaration
  readonly lineage: Lineage
}

/** Gives the bytes of a file, which hash to its digest. */
export type ReadFile = (file: ManifestFile) => Promise<Buffer>

/**
 * Reads what a package declares, and holds its parts against each other.
 * @throws SallyportError `supply.package-incomplete`, `supply.declaration-invalid`, `supply.dataset-invalid`,
 *   `supply.dataset-mismatch` (invalid), and what `read` throws.
 */
export async function readModelPackage(manifest: Manifest, read: ReadFile): Promise<ModelPackage> {
  modelFileOf(manifest)
  const declaration = readModelDeclaration(await read(requireFile(manifest, DECLARATION_FILE)))
  const datasetFile = findFile(manifest, DATASET_FILE)
  const dataset =
    datasetFile === undefined ? undefined : { sha256: datasetFile.sha256, bytes: await read(datasetFile) }
  return { declaration, lineage: lineageOf(declaration, dataset) }
}

/** The file that a worker loads. */
export function modelFileOf(manifest: Manifest): ManifestFile {
  return requireFile(manifest, MODEL_FILE)
}

function findFile(manifest: Manifest, path: string): ManifestFile | undefined {
  return manifest.files.find((file) => file.path === path)
}

function requireFile(manifest: Manifest, path: string): ManifestFile {
  const file = findFile(manifest, path)
  if (file !== undefined) return file
  throw new SallyportError('supply.package-incomplete', `the package has no ${path}`, {
    kind: 'invalid',
    remedy: 'push a directory with model.onnx and model.yaml at its top',
    details: { missing: path },
  })
}
