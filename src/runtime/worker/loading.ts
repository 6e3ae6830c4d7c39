import { createHash } from 'node:crypto'
import type { LoadCommand } from '../protocol/index.ts'
import { OnnxSession } from './onnx-session.ts'
import { onnxruntimeVersion } from './onnxruntime-package.ts'

/** Why a worker did not load a model; `code` becomes the error's code in the gateway. */
export class LoadRefused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export interface LoadedModel {
  /** SHA-256 of the manifest's bytes, hexadecimal. */
  readonly digest: string
  readonly session: OnnxSession
  readonly onnxruntimeVersion: string
}

/**
 * Hashes what came over the wire, compares it with the manifest that came with it and only then lets onnxruntime see it.
 * @throws LoadRefused
 */
export function loadModel(command: LoadCommand): LoadedModel {
  const { manifestBytes, modelBytes, path } = command
  const digest = sha256(manifestBytes)
  const entry = manifestEntry(manifestBytes, path)
  if (entry.sizeBytes !== modelBytes.length || entry.sha256 !== sha256(modelBytes)) {
    throw new LoadRefused(
      'runtime.model-bytes-mismatch',
      'the bytes of the model are not the ones its manifest names',
    )
  }
  let session: OnnxSession
  try {
    session = new OnnxSession(modelBytes)
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : 'unknown'
    throw new LoadRefused('runtime.model-unloadable', text)
  }
  return { digest, session, onnxruntimeVersion: onnxruntimeVersion() }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function manifestEntry(manifestBytes: Uint8Array, path: string): { sizeBytes: number; sha256: string } {
  const unreadable = new LoadRefused(
    'runtime.manifest-unreadable',
    'the manifest does not name the model file once',
  )
  let manifest: unknown
  try {
    manifest = JSON.parse(Buffer.from(manifestBytes).toString('utf8'))
  } catch {
    throw unreadable
  }
  if (!isRecord(manifest) || !Array.isArray(manifest['files'])) throw unreadable
  const entries = manifest['files'].filter((file: unknown) => isRecord(file) && file['path'] === path)
  const [entry] = entries
  if (entries.length !== 1 || !isRecord(entry)) throw unreadable
  const { sizeBytes, sha256 } = entry
  if (typeof sizeBytes !== 'number' || typeof sha256 !== 'string') throw unreadable
  return { sizeBytes, sha256 }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
