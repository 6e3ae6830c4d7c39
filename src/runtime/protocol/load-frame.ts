import { FRAME_KIND, FrameWriter, HEADER_BYTES, ProtocolViolation, padded } from './frame.ts'

const FIXED_BYTES = 32
/** ONNX is a protobuf message, which cannot be longer (protobuf.dev, "Encoding": total size of a message). */
export const MAX_MODEL_BYTES = 2 ** 31 - 1
export const MAX_MANIFEST_BYTES = 16 * 2 ** 20
export const MAX_PATH_BYTES = 4096

/** Limits that the worker keeps to. */
export interface LoadLimits {
  readonly maxRequestBytes: number
  readonly maxAnswerBytes: number
  /** Rows of several calls that may run as one; 1 runs each call alone. */
  readonly maxBatchRows: number
}

export interface LoadCommand {
  readonly manifestBytes: Uint8Array
  /** The model file's path in the manifest. */
  readonly path: string
  readonly modelBytes: Uint8Array
  readonly limits: LoadLimits
}

/** The load frame in pieces to be written one after the other, so that the model is not copied. */
export function encodeLoad(command: LoadCommand): Uint8Array[] {
  const path = Buffer.from(command.path, 'utf8')
  const { manifestBytes, modelBytes, limits } = command
  const head = new FrameWriter(HEADER_BYTES + FIXED_BYTES + padded(path.length + manifestBytes.length))
  const fields = [
    path.length,
    manifestBytes.length,
    modelBytes.length,
    limits.maxRequestBytes,
    limits.maxAnswerBytes,
    limits.maxBatchRows,
  ]
  head.words.set(fields, HEADER_BYTES >>> 2)
  head.bytes.set(path, HEADER_BYTES + FIXED_BYTES)
  head.bytes.set(manifestBytes, HEADER_BYTES + FIXED_BYTES + path.length)
  const tail = new Uint8Array(padded(modelBytes.length) - modelBytes.length)
  head.end = head.bytes.length + modelBytes.length + tail.length
  head.writeHeader(0, { callId: 0, kind: FRAME_KIND.load, status: 0, count: 0, computeMicros: 0 })
  return [head.bytes, modelBytes, tail]
}

/** @throws ProtocolViolation */
export function decodeLoad(
  bytes: Buffer<ArrayBuffer>,
  view: DataView,
  start: number,
  end: number,
): LoadCommand {
  if (end - start < FIXED_BYTES) throw new ProtocolViolation('a load frame is too short')
  const field = (index: number) => view.getUint32(start + index * 4, true)
  const pathStart = start + FIXED_BYTES
  const manifestStart = pathStart + field(0)
  const modelStart = pathStart + padded(field(0) + field(1))
  const modelEnd = modelStart + field(2)
  if (field(0) > MAX_PATH_BYTES || field(1) > MAX_MANIFEST_BYTES || field(2) > MAX_MODEL_BYTES) {
    throw new ProtocolViolation('a part of a load frame is too long')
  }
  if (modelStart + padded(field(2)) !== end) throw new ProtocolViolation('a load frame has the wrong length')
  return {
    path: bytes.toString('utf8', pathStart, manifestStart),
    manifestBytes: bytes.subarray(manifestStart, manifestStart + field(1)),
    modelBytes: bytes.subarray(modelStart, modelEnd),
    limits: { maxRequestBytes: field(3), maxAnswerBytes: field(4), maxBatchRows: field(5) },
  }
}
