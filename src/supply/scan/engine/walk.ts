import { type Dirent, opendirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from './unreadable.ts'

export type Walked =
  | {
      readonly kind: 'file'
      readonly path: string
      readonly displayPath: string
      readonly folder: string | undefined
    }
  | {
      readonly kind: 'problem'
      readonly displayPath: string
      readonly reason: string
      readonly folder: string | undefined
    }
  /** A given folder that is one model; its files follow. */
  | { readonly kind: 'model-folder'; readonly displayPath: string }

export interface WalkOptions {
  readonly maxFiles: number
}

const MAX_DEPTH = 64
/** Entries of one folder that are sorted; beyond that they come as the file system gives them. */
const SORTED = 100_000

/** A folder with one of these is one model, made of all its files. */
const MARKERS =
  /^(?:saved_model\.pb(?:txt)?|config\.(?:json|ya?ml)|tokenizer(?:_config)?\.json|model_index\.json|adapter_config\.json|preprocessor_config\.json|generation_config\.json|.*\.index\.json|modeling_\w+\.py|configuration_\w+\.py|keras_metadata\.pb|MLmodel|model\.(?:ya?ml|onnx)|model_config\.ya?ml|params\.json|Manifest\.json|.*\.safetensors|.*\.gguf|hydra.*\.ya?ml|\.env)$/

/** Every file below the given paths, one after another, however many there are. Problems are given, not thrown. */
export function* walk(paths: readonly string[], options: WalkOptions): Generator<Walked> {
  let count = 0
  for (const path of paths) {
    const displayPath = path.length > 1 ? path.replace(/\/+$/, '') : path
    let isFolder: boolean
    try {
      isFolder = statSync(path).isDirectory()
    } catch (thrown) {
      yield { kind: 'problem', displayPath, reason: reasonOf(thrown), folder: undefined }
      continue
    }
    if (!isFolder) {
      yield { kind: 'file', path, displayPath, folder: undefined }
      continue
    }
    let folder: string | undefined
    if (isModelFolder(path)) {
      folder = displayPath
      yield { kind: 'model-folder', displayPath }
    }
    for (const walked of walkFolder(path, displayPath, folder, new Set(), 0)) {
      if (++count > options.maxFiles) {
        const reason = `there are more than ${options.maxFiles} files; the rest is not scanned (raise --max-files)`
        yield { kind: 'problem', displayPath, reason, folder }
        return
      }
      yield walked
    }
  }
}

function isModelFolder(path: string): boolean {
  try {
    const folder = opendirSync(path)
    try {
      let seen = 0
      for (let entry = folder.readSync(); entry !== null && seen < SORTED; entry = folder.readSync()) {
        seen++
        if (MARKERS.test(entry.name)) return true
      }
      return false
    } finally {
      folder.closeSync()
    }
  } catch {
    return false
  }
}

function* walkFolder(
  path: string,
  displayPath: string,
  folder: string | undefined,
  visited: Set<string>,
  depth: number,
): Generator<Walked> {
  const problem = (reason: string, name = displayPath): Walked => ({
    kind: 'problem',
    displayPath: name,
    reason,
    folder,
  })
  if (depth > MAX_DEPTH) {
    yield problem(`folders nest deeper than ${MAX_DEPTH}`)
    return
  }
  try {
    const real = realpathSync(path)
    if (visited.has(real)) {
      yield problem('its symbolic links lead in a circle')
      return
    }
    visited.add(real)
  } catch (thrown) {
    yield problem(reasonOf(thrown))
    return
  }
  try {
    for (const entry of entriesOf(path)) {
      const inner = join(path, entry.name)
      const name = `${displayPath === '/' ? '' : displayPath}/${entry.name}`
      const kind = kindOf(entry, inner)
      if (kind === 'folder') {
        // What git keeps of other versions is not what a loader reads.
        if (entry.name !== '.git') yield* walkFolder(inner, name, folder, visited, depth + 1)
      } else if (kind === 'file') yield { kind: 'file', path: inner, displayPath: name, folder }
      else yield problem(kind, name)
    }
  } catch (thrown) {
    yield problem(reasonOf(thrown))
  }
}

function kindOf(entry: Dirent, path: string): 'file' | 'folder' | string {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  try {
    const target = statSync(path)
    if (target.isDirectory()) return 'folder'
    return target.isFile() ? 'file' : 'it is something special (a pipe, a socket or a device)'
  } catch (thrown) {
    return reasonOf(thrown)
  }
}

function* entriesOf(path: string): Generator<Dirent> {
  const folder = opendirSync(path, { bufferSize: 256 })
  try {
    const sorted: Dirent[] = []
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      if (sorted.length < SORTED) sorted.push(entry)
      else yield entry
    }
    yield* sorted.sort((a, b) => (a.name < b.name ? -1 : 1))
  } finally {
    folder.closeSync()
  }
}
