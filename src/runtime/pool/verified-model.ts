/** A model whose bytes were verified, on their way to a worker. */
export interface VerifiedModel {
  /** Canonical manifest (RFC 8785); its SHA-256 is the artifact's id. */
  readonly manifestBytes: Uint8Array
  readonly modelFile: {
    /** The file's path in the manifest. */
    readonly path: string
    /** Exactly the bytes that were verified; the worker hashes them again. */
    readonly bytes: Uint8Array
  }
}
