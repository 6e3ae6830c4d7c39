import { createHash } from 'node:crypto'
import type { ArtifactId } from '../../src/core/index.ts'
import { isSha256 } from '../../src/core/index.ts'

/** What intake and verification make of a model file, without the stores: its manifest and its bytes. */
export function verifiedModel(bytes: Uint8Array) {
  // Keys in order and no spaces: already canonical (RFC 8785).
  const manifestBytes = Buffer.from(
    JSON.stringify({
      files: [{ path: 'model.onnx', sha256: sha256(bytes), sizeBytes: bytes.length }],
      kind: 'model',
      schemaVersion: 1,
    }),
  )
  return { artifactId: sha256(manifestBytes), manifestBytes, modelFile: { path: 'model.onnx', bytes } }
}

function sha256(bytes: Uint8Array): ArtifactId {
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (!isSha256(digest)) throw new Error('not a digest')
  return digest
}
