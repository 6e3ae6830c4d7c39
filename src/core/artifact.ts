import type { ArtifactId, Sha256 } from './ids.ts'

/** One file of an artifact. */
export interface ManifestFile {
  /** Relative, `/`-separated, in Unicode NFC, without `.`, `..` or empty segments. */
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: Sha256
}

/** The canonical description of an artifact's bytes; its RFC 8785 form hashed with SHA-256 is the artifact's id. */
export interface Manifest {
  readonly schemaVersion: 1
  readonly kind: 'model' | 'dataset'
  /** Sorted by the UTF-8 bytes of `path`, without duplicates. */
  readonly files: readonly ManifestFile[]
}

/** A model or dataset as bytes. */
export interface Artifact {
  readonly id: ArtifactId
  readonly manifest: Manifest
}
