import { allocate, type FrameHeader, HEADER_BYTES, ProtocolViolation, readHeader } from './frame.ts'

/** A whole frame. `bytes` and `view` cover the same memory; the body lies from `bodyStart` to `bodyEnd`. */
export type FrameHandler = (
  header: FrameHeader,
  bytes: Buffer<ArrayBuffer>,
  view: DataView,
  bodyStart: number,
  bodyEnd: number,
) => void

/**
 * Cuts a stream of chunks into frames. A frame that lies whole in one chunk is handed out where it lies; one that is
 * split is put together in a buffer of its own, made only after `maxBodyBytes` allowed its size.
 */
export class FrameReader {
  readonly #maxBodyBytes: (header: FrameHeader) => number
  readonly #onFrame: FrameHandler
  readonly #head: Buffer<ArrayBuffer> = Buffer.from(new ArrayBuffer(HEADER_BYTES))
  #headBytes = 0
  #frame: Buffer<ArrayBuffer> | undefined
  #frameBytes = 0

  /** @param maxBodyBytes the longest body of a frame with this header; negative for a frame that must not come */
  constructor(maxBodyBytes: (header: FrameHeader) => number, onFrame: FrameHandler) {
    this.#maxBodyBytes = maxBodyBytes
    this.#onFrame = onFrame
  }

  /**
   * Takes the next chunk, whose memory must not be written again.
   * @throws ProtocolViolation for a malformed or unwelcome frame; the stream is then of no more use
   */
  push(chunk: Buffer<ArrayBuffer>): void {
    let offset = 0
    if (this.#headBytes > 0 || this.#frame !== undefined) offset = this.#complete(chunk)
    if (chunk.length - offset >= HEADER_BYTES) {
      const view = viewOf(chunk)
      while (chunk.length - offset >= HEADER_BYTES) {
        const header = this.#welcome(view, offset)
        const bodyStart = offset + HEADER_BYTES
        const bodyEnd = bodyStart + header.bodyBytes
        if (bodyEnd > chunk.length) {
          this.#begin(header.bodyBytes, chunk, offset)
          return
        }
        this.#onFrame(header, chunk, view, bodyStart, bodyEnd)
        offset = bodyEnd
      }
    }
    if (offset < chunk.length) {
      chunk.copy(this.#head, 0, offset)
      this.#headBytes = chunk.length - offset
    }
  }

  #welcome(view: DataView, offset: number): FrameHeader {
    const header = readHeader(view, offset)
    if (header.bodyBytes > this.#maxBodyBytes(header)) {
      throw new ProtocolViolation('a frame is unexpected or too long')
    }
    return header
  }

  #begin(bodyBytes: number, chunk: Buffer, offset: number): void {
    this.#frame = allocate(HEADER_BYTES + bodyBytes)
    this.#frameBytes = chunk.copy(this.#frame, 0, offset)
  }

  /** Goes on with the frame that began in an earlier chunk; gives how much of `chunk` it took. */
  #complete(chunk: Buffer): number {
    let offset = 0
    if (this.#frame === undefined) {
      offset = chunk.copy(this.#head, this.#headBytes, 0, HEADER_BYTES - this.#headBytes)
      this.#headBytes += offset
      if (this.#headBytes < HEADER_BYTES) return offset
      this.#headBytes = 0
      this.#begin(this.#welcome(viewOf(this.#head), 0).bodyBytes, this.#head, 0)
    }
    const frame = this.#frame
    if (frame === undefined) return offset
    const taken = chunk.copy(frame, this.#frameBytes, offset)
    this.#frameBytes += taken
    if (this.#frameBytes < frame.length) return offset + taken
    this.#frame = undefined
    const view = viewOf(frame)
    this.#onFrame(readHeader(view, 0), frame, view, HEADER_BYTES, frame.length)
    return offset + taken
  }
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
