import { type Artifact, type Manifest, type ManifestFile, SallyportError } from '../../core/index.ts'
import { manifestId } from '../../crypto/index.ts'
import type { BlobStore } from '../../storage/index.ts'
import { caseFold, requireArtifactPath } from './artifact-path.ts'
import { DEFAULT_INTAKE_BUDGET, type IncomingFile, type IntakeBudget } from './incoming-file.ts'
import { comparePaths } from './path-order.ts'

export interface TakeInOptions {
  readonly budget?: IntakeBudget
  /** Checked before each piece is taken. */
  readonly signal?: AbortSignal
  /** Told of each blob as soon as it is stored, so that a failed intake can be swept. */
  readonly onStored?: (file: ManifestFile) => void
}

/**
 * Copies files into the content-addressed store, hashing them as they pass, and gives the artifact they make.
 *
 * What was stored before a refusal stays in the store, referenced by nothing: the caller sweeps it.
 * @throws SallyportError `supply.path-invalid`, `supply.path-duplicate`, `supply.artifact-empty` (invalid),
 *   `supply.too-many-files`, `supply.file-too-large`, `supply.artifact-too-large` (too-large), `supply.push-cancelled`,
 *   and whatever the source or the store throws.
 */
export async function takeIn(
  kind: Manifest['kind'],
  source: AsyncIterable<IncomingFile>,
  blobs: Pick<BlobStore, 'put'>,
  { budget = DEFAULT_INTAKE_BUDGET, signal, onStored }: TakeInOptions = {},
): Promise<Artifact> {
  const files: ManifestFile[] = []
  const names = new Names()
  let totalBytes = 0
  for await (const incoming of source) {
    refuseCancelled(signal)
    if (files.length === budget.maxFiles) throw tooManyFiles(budget.maxFiles)
    requireArtifactPath(incoming.path, budget.maxPathBytes, files.length + 1)
    names.add(incoming.path, files.length + 1)
    const remainingBytes = budget.maxTotalBytes - totalBytes
    const content = withinBudget(incoming, Math.min(budget.maxFileBytes, remainingBytes), budget, signal)
    const blob = await blobs.put(content, { maxBytes: Math.min(budget.maxFileBytes, remainingBytes) })
    const file: ManifestFile = { path: incoming.path, sizeBytes: blob.sizeBytes, sha256: blob.sha256 }
    onStored?.(file)
    files.push(file)
    totalBytes += blob.sizeBytes
  }
  refuseCancelled(signal)
  if (files.length === 0) {
    throw new SallyportError('supply.artifact-empty', 'the artifact has no files', {
      kind: 'invalid',
      remedy: 'push a directory with model.onnx, model.yaml, dataset.json and README.md in it',
    })
  }
  const manifest: Manifest = {
    schemaVersion: 1,
    kind,
    files: files.sort((left, right) => comparePaths(left.path, right.path)),
  }
  return { id: manifestId(manifest), manifest }
}

/** The paths so far. No two may be one file anywhere, and none may be a directory of another. */
class Names {
  readonly #files = new Set<string>()
  readonly #directories = new Set<string>()

  add(path: string, position: number): void {
    const fold = caseFold(path)
    const parents = parentsOf(fold)
    const clashes =
      this.#files.has(fold) ||
      this.#directories.has(fold) ||
      parents.some((parent) => this.#files.has(parent))
    if (clashes) {
      throw new SallyportError('supply.path-duplicate', `the name of file ${position} was taken before`, {
        kind: 'invalid',
        remedy: 'give each file its own name; names that differ only in case count as one',
        details: { position },
      })
    }
    this.#files.add(fold)
    for (const parent of parents) this.#directories.add(parent)
  }
}

function parentsOf(path: string): string[] {
  const segments = path.split('/')
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'))
}

async function* withinBudget(
  file: IncomingFile,
  maxBytes: number,
  budget: IntakeBudget,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const piece of file.content) {
    refuseCancelled(signal)
    bytes += piece.byteLength
    if (bytes > maxBytes) throw tooLarge(maxBytes === budget.maxFileBytes, budget)
    yield piece
  }
}

function tooLarge(isOneFile: boolean, budget: IntakeBudget): SallyportError {
  if (isOneFile) {
    return new SallyportError('supply.file-too-large', `a file is larger than ${budget.maxFileBytes} bytes`, {
      kind: 'too-large',
      remedy: 'push a smaller file',
      details: { maxFileBytes: budget.maxFileBytes },
    })
  }
  return new SallyportError(
    'supply.artifact-too-large',
    `the files together are larger than ${budget.maxTotalBytes} bytes`,
    { kind: 'too-large', remedy: 'push less', details: { maxTotalBytes: budget.maxTotalBytes } },
  )
}

function tooManyFiles(maxFiles: number): SallyportError {
  return new SallyportError('supply.too-many-files', `the artifact has more than ${maxFiles} files`, {
    kind: 'too-large',
    remedy: 'push only what belongs to the model',
    details: { maxFiles },
  })
}

function refuseCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new SallyportError('supply.push-cancelled', 'the push was cancelled', {
    kind: 'unavailable',
    remedy: 'push again; nothing was kept',
  })
}
