/**
 * The frames between the gateway and a worker: a fixed header, a body, everything little-endian and padded to eight
 * bytes, so that tensors can be viewed where they lie. The format is written down in docs/reference/worker-protocol.md.
 */
export const PROTOCOL_VERSION = 1
export const HEADER_BYTES = 16
export const ALIGNMENT_BYTES = 8

export const FRAME_KIND = {
  /** To the worker: manifest and model. */
  load: 0x01,
  /** To the worker: the tensors of one call. */
  infer: 0x02,
  /** From the worker: the model is loaded. */
  ready: 0x81,
  /** From the worker: the model is not loaded, and why. */
  refused: 0x82,
  /** From the worker: the tensors that answer one call. */
  answer: 0x83,
  /** From the worker: one call could not be answered. */
  failure: 0x84,
} as const

/** Why a call could not be answered. The text of the library stays in the worker: it can quote input values. */
export const FAILURE = {
  inputRejected: 1,
  inferenceFailed: 2,
  outOfMemory: 3,
  answerTooLarge: 4,
} as const

export interface FrameHeader {
  readonly bodyBytes: number
  readonly callId: number
  readonly kind: number
  /** One of FAILURE in a failure, else 0. */
  readonly status: number
  /** Tensors in the body. */
  readonly count: number
  /** Time in the model, in microseconds, in an answer; else 0. */
  readonly computeMicros: number
}

/** The other side broke the protocol. Its message names what was broken and never quotes content. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
}

export function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}

/** Memory of its own, aligned and not cleared: whoever asks for it overwrites what is read of it later. */
export function allocate(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(bytes)
}

/** Reads the header at `offset`; the view must hold HEADER_BYTES from there. */
export function readHeader(view: DataView, offset: number): FrameHeader {
  const bodyBytes = view.getUint32(offset, true)
  if (bodyBytes % ALIGNMENT_BYTES !== 0) throw new ProtocolViolation('a frame is not padded')
  return {
    bodyBytes,
    callId: view.getUint32(offset + 4, true),
    kind: view.getUint8(offset + 8),
    status: view.getUint8(offset + 9),
    count: view.getUint16(offset + 10, true),
    computeMicros: view.getUint32(offset + 12, true),
  }
}

/** A reusable buffer that frames are written into, one behind the other. */
export class FrameWriter {
  readonly bytes: Buffer<ArrayBuffer>
  readonly words: Uint32Array<ArrayBuffer>
  /** Bytes written; a multiple of eight between frames. */
  end = 0

  constructor(capacityBytes: number) {
    this.bytes = allocate(padded(capacityBytes))
    this.words = new Uint32Array(this.bytes.buffer, 0, this.bytes.length >>> 2)
  }

  get freeBytes(): number {
    return this.bytes.length - this.end
  }

  /** Fills in the header of the frame whose body was written from `start + HEADER_BYTES` to `end`. */
  writeHeader(start: number, header: Omit<FrameHeader, 'bodyBytes'>): void {
    const word = start >>> 2
    this.words[word] = this.end - start - HEADER_BYTES
    this.words[word + 1] = header.callId
    this.words[word + 2] = header.kind | (header.status << 8) | (header.count << 16)
    this.words[word + 3] = header.computeMicros
  }
}
