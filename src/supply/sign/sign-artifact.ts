import type { KeyObject } from 'node:crypto'
import type { Manifest } from '../../core/index.ts'
import { UNSIGNED_NAMES } from '../intake/index.ts'
import { signStatement } from './sign-statement.ts'
import type { Serialization } from './statement.ts'

export const FILES_SERIALIZATION: Serialization = {
  method: 'files',
  hash_type: 'sha256',
  allow_symlinks: false,
  ignore_paths: [...UNSIGNED_NAMES],
}

/**
 * Signs an artifact in OpenSSF Model Signing v1.0 (method `key`). The digests are those of the manifest: nothing is read.
 * @param modelName the bundle's subject; informational.
 * @param privateKey EC on P-256, P-384 or P-521.
 * @returns the bundle: JSON in UTF-8.
 */
export function signArtifact(manifest: Manifest, modelName: string, privateKey: KeyObject): Buffer {
  const resources = manifest.files.map((file) => ({
    name: file.path,
    digest: file.sha256,
    algorithm: 'sha256' as const,
  }))
  return signStatement(modelName, resources, FILES_SERIALIZATION, privateKey)
}
