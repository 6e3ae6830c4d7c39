import type { Tensor } from '../../core/index.ts'
import {
  decodeTensors,
  encodedBound,
  encodeTensor,
  FAILURE,
  FRAME_KIND,
  type FrameHeader,
  FrameWriter,
  HEADER_BYTES,
  MAX_RANK,
} from '../protocol/index.ts'
import type { OnnxSession } from './onnx-session.ts'

const BATCH_BYTES = 64 * 1024

/** Runs calls and gathers their answers until they are sent together. */
export class Answering {
  readonly #session: OnnxSession
  readonly #maxAnswerBytes: number
  readonly #send: (bytes: Uint8Array) => void
  readonly #batch = new FrameWriter(BATCH_BYTES)

  constructor(session: OnnxSession, maxAnswerBytes: number, send: (bytes: Uint8Array) => void) {
    this.#session = session
    this.#maxAnswerBytes = maxAnswerBytes
    this.#send = send
  }

  /**
   * Answers the call in the body from `start` to `end`.
   * @throws ProtocolViolation
   */
  answer(header: FrameHeader, bytes: Buffer<ArrayBuffer>, view: DataView, start: number, end: number): void {
    const inputs = decodeTensors(bytes, view, start, end, header.count, this.#session.inputs)
    const startedAt = performance.now()
    let outputs: Tensor[]
    try {
      outputs = this.#session.run(inputs)
    } catch (thrown) {
      this.#fail(header.callId, reasonOf(thrown))
      return
    }
    this.#succeed(header.callId, outputs, Math.round((performance.now() - startedAt) * 1000))
  }

  /** Sends what is gathered. */
  flush(): void {
    if (this.#batch.end === 0) return
    this.#send(this.#batch.bytes.subarray(0, this.#batch.end))
    this.#batch.end = 0
  }

  #succeed(callId: number, outputs: readonly Tensor[], computeMicros: number): void {
    let bound = 0
    for (const { shape, data } of outputs) bound += encodedBound(shape, data)
    if (bound > this.#maxAnswerBytes || outputs.some(({ shape }) => shape.length > MAX_RANK)) {
      this.#fail(callId, FAILURE.answerTooLarge)
      return
    }
    const writer = this.#room(HEADER_BYTES + bound)
    const start = writer.end
    writer.end += HEADER_BYTES
    outputs.forEach(({ datatype, shape, data }, index) => {
      encodeTensor(writer, index, datatype, shape, data)
    })
    writer.writeHeader(start, {
      callId,
      kind: FRAME_KIND.answer,
      status: 0,
      count: outputs.length,
      computeMicros,
    })
    if (writer !== this.#batch) this.#send(writer.bytes.subarray(0, writer.end))
  }

  #fail(callId: number, status: number): void {
    const writer = this.#room(HEADER_BYTES)
    const start = writer.end
    writer.end += HEADER_BYTES
    writer.writeHeader(start, { callId, kind: FRAME_KIND.failure, status, count: 0, computeMicros: 0 })
  }

  /** The batch, emptied if it must be; a writer of its own for what does not fit there at all. */
  #room(bytes: number): FrameWriter {
    if (bytes > this.#batch.freeBytes) this.flush()
    return bytes > this.#batch.freeBytes ? new FrameWriter(bytes) : this.#batch
  }
}

/** onnxruntime's text can quote values of the inputs (an index out of bounds, for one), so only its kind goes on. */
function reasonOf(thrown: unknown): number {
  const text = thrown instanceof Error ? thrown.message : ''
  if (/^Got invalid dimensions|^Invalid rank|Unexpected input data type/.test(text))
    return FAILURE.inputRejected
  if (/allocate memory|bad_alloc|bad allocation/i.test(text)) return FAILURE.outOfMemory
  return FAILURE.inferenceFailed
}
