/** A file on its way in, from a directory, an archive or a request. Nothing about it is believed. */
export interface IncomingFile {
  /** As its sender names it; `takeIn` refuses what is not a canonical relative path. */
  readonly path: string
  /** Read once, in order. */
  readonly content: AsyncIterable<Uint8Array>
}

/** What one artifact may cost. One more of anything is refused before it is stored. */
export interface IntakeBudget {
  readonly maxFiles: number
  readonly maxFileBytes: number
  readonly maxTotalBytes: number
  /** UTF-8 bytes of one path. */
  readonly maxPathBytes: number
}

const GIB = 1024 ** 3

/** An ONNX file cannot be larger than 2 GiB: protobuf refuses it. */
export const DEFAULT_INTAKE_BUDGET: IntakeBudget = {
  maxFiles: 1000,
  maxFileBytes: 2 * GIB,
  maxTotalBytes: 4 * GIB,
  maxPathBytes: 512,
}
