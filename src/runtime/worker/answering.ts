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
  type LoadLimits,
  MAX_RANK,
} from '../protocol/index.ts'
import type { OnnxSession } from './onnx-session.ts'
import { canJoin, firstRow, joinRows, rowsOf, splitRows } from './rows.ts'

/** Rows that onnxruntime's matrix kernels for x86-64 and arm64 take at once, or a divisor of it. */
const ROW_BLOCK = 4
const OUTGOING_BYTES = 64 * 1024
/** An answer waits at most about this long for others to leave with it in one write. */
const GATHER_MS = 0.5

interface Call {
  readonly id: number
  readonly inputs: readonly Tensor[]
  readonly rows: number
}

/** Runs calls, those that wait together as one where that is allowed, and sends their answers in the calls' order. */
export class Answering {
  readonly #session: OnnxSession
  readonly #limits: LoadLimits
  readonly #send: (bytes: Uint8Array) => void
  readonly #outgoing = new FrameWriter(OUTGOING_BYTES)
  #outgoingSince = 0
  /** Calls that will run as one. */
  #group: Call[] = []
  #groupRows = 0
  #canBatch: boolean

  constructor(session: OnnxSession, limits: LoadLimits, send: (bytes: Uint8Array) => void) {
    this.#session = session
    this.#limits = limits
    this.#send = send
    this.#canBatch = limits.maxBatchRows > 1 && session.hasRows
  }

  /**
   * Takes the call in the body from `start` to `end`. The memory must stay as it is until `settle`.
   * @throws ProtocolViolation
   */
  take(header: FrameHeader, bytes: Buffer<ArrayBuffer>, view: DataView, start: number, end: number): void {
    const inputs = decodeTensors(bytes, view, start, end, header.count, this.#session.inputs)
    const call = { id: header.callId, inputs, rows: this.#canBatch ? rowsOf(inputs) : 0 }
    const { maxBatchRows } = this.#limits
    const [first] = this.#group
    const fits = call.rows > 0 && this.#groupRows + call.rows <= maxBatchRows
    if (first !== undefined && !(fits && canJoin(first.inputs, inputs))) this.#runGroup()
    this.#group.push(call)
    this.#groupRows += call.rows
    if (!fits || this.#groupRows === maxBatchRows) this.#runGroup()
  }

  /** Answers all calls that were taken and sends the answers. */
  settle(): void {
    this.#runGroup()
    this.#flush()
  }

  #runGroup(): void {
    const calls = this.#group
    if (calls.length === 0) return
    this.#group = []
    this.#groupRows = 0
    if (!this.#runTogether(calls)) {
      for (const call of calls) if (calls.length === 1 || !this.#runTogether([call])) this.#run(call)
    }
    if (this.#outgoing.end > 0 && performance.now() - this.#outgoingSince > GATHER_MS) this.#flush()
  }

  /**
   * Runs the calls as one, filled up to whole blocks of rows: how many rows a kernel takes at once decides in which order
   * it adds, so that a row alone and a row among others could differ in their last bits. One caller's traffic must not
   * show in another's answer, so a call that is alone is filled up as well.
   *
   * False when the calls must run one by one: batching is not allowed, one of them fails, or the model's outputs are not
   * rows.
   */
  #runTogether(calls: readonly Call[]): boolean {
    if (!this.#canBatch || calls.some((call) => call.rows === 0)) return false
    const startedAt = performance.now()
    let answers: Tensor[][] | undefined
    try {
      const joined = [...calls, ...fillers(calls)]
      const rows = joined.map((call) => call.rows)
      const inputs = joinRows(
        joined.map((call) => call.inputs),
        rows.reduce((sum, count) => sum + count, 0),
      )
      answers = splitRows(this.#session.run(inputs), rows)
    } catch {
      return false
    }
    if (answers === undefined) {
      this.#canBatch = false
      return false
    }
    const computeMicros = ((performance.now() - startedAt) * 1000) / calls.length
    calls.forEach(({ id }, index) => {
      this.#succeed(id, answers[index] ?? [], computeMicros)
    })
    return true
  }

  #run({ id, inputs }: Call): void {
    const startedAt = performance.now()
    let outputs: Tensor[]
    try {
      outputs = this.#session.run(inputs)
    } catch (thrown) {
      this.#fail(id, reasonOf(thrown))
      return
    }
    this.#succeed(id, outputs, (performance.now() - startedAt) * 1000)
  }

  #succeed(callId: number, outputs: readonly Tensor[], computeMicros: number): void {
    let bound = 0
    for (const { shape, data } of outputs) bound += encodedBound(shape, data)
    if (bound > this.#limits.maxAnswerBytes || outputs.some(({ shape }) => shape.length > MAX_RANK)) {
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
      computeMicros: Math.round(computeMicros),
    })
    if (writer !== this.#outgoing) this.#send(writer.bytes.subarray(0, writer.end))
  }

  #fail(callId: number, status: number): void {
    const writer = this.#room(HEADER_BYTES)
    const start = writer.end
    writer.end += HEADER_BYTES
    writer.writeHeader(start, { callId, kind: FRAME_KIND.failure, status, count: 0, computeMicros: 0 })
    if (writer !== this.#outgoing) this.#send(writer.bytes.subarray(0, writer.end))
  }

  /** The writer of what is to be sent, emptied if it must be; one of its own for what does not fit there at all. */
  #room(bytes: number): FrameWriter {
    if (bytes > this.#outgoing.freeBytes) this.#flush()
    if (bytes > this.#outgoing.freeBytes) return new FrameWriter(bytes)
    if (this.#outgoing.end === 0) this.#outgoingSince = performance.now()
    return this.#outgoing
  }

  #flush(): void {
    if (this.#outgoing.end === 0) return
    this.#send(this.#outgoing.bytes.subarray(0, this.#outgoing.end))
    this.#outgoing.end = 0
  }
}

/** Single rows that fill calls up to whole blocks; they repeat a row that is there, so they cannot fail by themselves. */
function fillers(calls: readonly Call[]): Pick<Call, 'inputs' | 'rows'>[] {
  const [first] = calls
  const rows = calls.reduce((sum, call) => sum + call.rows, 0)
  if (first === undefined || rows % ROW_BLOCK === 0) return []
  const filler = { inputs: firstRow(first.inputs, first.rows), rows: 1 }
  return Array.from({ length: ROW_BLOCK - (rows % ROW_BLOCK) }, () => filler)
}

/** onnxruntime's text can quote values of the inputs (an index out of bounds, for one), so only its kind goes on. */
function reasonOf(thrown: unknown): number {
  const text = thrown instanceof Error ? thrown.message : ''
  if (/^Got invalid dimensions|^Invalid rank|Unexpected input data type/.test(text))
    return FAILURE.inputRejected
  if (/allocate memory|bad_alloc|bad allocation/i.test(text)) return FAILURE.outOfMemory
  return FAILURE.inferenceFailed
}
