import type { ArtifactId, SallyportError, Tensor } from '../../core/index.ts'
import {
  decodeTensors,
  encodedBound,
  encodeTensor,
  FRAME_KIND,
  type FrameHeader,
  FrameReader,
  HEADER_BYTES,
  ProtocolViolation,
} from '../protocol/index.ts'
import { type Launch, launchProcess } from '../sandbox/index.ts'
import { abortable, CallQueue, type PendingCall } from './call-queue.ts'
import { handshake } from './handshake.ts'
import { orderedInputs } from './input-check.ts'
import type { WorkerLimits } from './limits.ts'
import { Outbox } from './outbox.ts'
import { failureOf, refusals } from './refusals.ts'
import type { VerifiedModel } from './verified-model.ts'
import type { WorkerExit } from './worker-exit.ts'
import type { WorkerMetadata } from './worker-metadata.ts'
import { WorkerProcess } from './worker-process.ts'

const WATCH_INTERVAL_MS = 20
const MEMORY_INTERVAL_MS = 240

export interface InferOptions {
  readonly signal?: AbortSignal
  /** How long the caller waits, queueing included, in milliseconds; at most the worker's own limit, the default. */
  readonly timeoutMs?: number
}

export interface WorkerStats {
  readonly pid: number
  /** Calls answered with tensors. */
  readonly answered: number
  /** Calls the model could not answer. */
  readonly failed: number
  /** Calls now waiting, the running one included. */
  readonly queued: number
  /** Time the worker says it spent in the model, in milliseconds. */
  readonly computeMs: number
  /** Resident memory now, in bytes; 0 where the platform cannot tell. */
  readonly residentBytes: number
}

/**
 * One worker process and the model in it. The worker is not trusted: whatever it sends that an honest one would not
 * ends it, and every call it had is refused.
 */
export class ModelWorker {
  readonly metadata: WorkerMetadata
  /** Fulfilled when the process is gone; never rejects. */
  readonly exited: Promise<WorkerExit>
  readonly #process: WorkerProcess
  readonly #limits: WorkerLimits
  readonly #outbox: Outbox
  readonly #queue = new CallQueue()
  #nextCallId = 1
  /** When the worker can have begun the first call of the queue, in monotonic milliseconds. */
  #firstSince = 0
  #watch: NodeJS.Timeout | undefined
  #watchedAt = 0
  #memoryAt = 0
  #answered = 0
  #failed = 0
  #computeMicros = 0
  #isClosing = false
  #onDrained: (() => void) | undefined

  /**
   * Starts a worker and gives it the model.
   * @param artifactId what the worker must prove it loaded
   * @throws SallyportError `runtime.digest-mismatch`, `runtime.model-bytes-mismatch`, `runtime.manifest-unreadable`,
   * `runtime.model-unloadable`, `runtime.model-too-large` (refused), `runtime.load-timeout` (timeout),
   * `runtime.protocol-violation`, `runtime.worker-start-failed`, `runtime.worker-not-spawned` (internal)
   */
  static async start(
    artifactId: ArtifactId,
    model: VerifiedModel,
    limits: WorkerLimits,
    launch: Launch = launchProcess(limits.memoryLimitBytes),
  ): Promise<ModelWorker> {
    const child = new WorkerProcess(launch)
    const metadata = await handshake(child, artifactId, model, limits)
    return new ModelWorker(child, metadata, limits)
  }

  private constructor(child: WorkerProcess, metadata: WorkerMetadata, limits: WorkerLimits) {
    this.metadata = metadata
    this.exited = child.exited
    this.#process = child
    this.#limits = limits
    this.#outbox = new Outbox((bytes, written) => child.channel.write(bytes, written))
    const reader = new FrameReader(
      (header) => this.#maxBodyBytes(header),
      (header, bytes, view, start, end) => this.#onFrame(header, bytes, view, start, end),
    )
    child.listen(
      (chunk) => reader.push(chunk),
      () => this.#abandonAll(refusals.exited()),
    )
  }

  get isRunning(): boolean {
    return !this.#isClosing && this.#process.isRunning
  }

  /**
   * One call. The outputs come in the model's order; their memory is the caller's own.
   * @throws SallyportError `runtime.input-rejected` (invalid), `runtime.request-too-large`, `runtime.answer-too-large`,
   * `runtime.out-of-memory` (too-large), `runtime.queue-full`, `runtime.worker-exited`, `runtime.worker-stopped`
   * (unavailable), `runtime.timeout`, `runtime.aborted` (timeout), `runtime.inference-failed`,
   * `runtime.protocol-violation` (internal)
   */
  infer(inputs: readonly Tensor[], options: InferOptions = {}): Promise<Tensor[]> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      if (signal?.aborted === true) throw refusals.aborted()
      if (!this.#process.isRunning) throw refusals.exited()
      if (this.#isClosing) throw refusals.stopped()
      if (this.#queue.length >= this.#limits.maxQueuedCalls) throw refusals.queueFull()
      const id = this.#nextCallId
      const encodedBytes = this.#encode(id, orderedInputs(inputs, this.metadata.inputs))
      this.#nextCallId = (id + 1) >>> 0
      const now = performance.now()
      const timeoutMs = Math.min(options.timeoutMs ?? Number.POSITIVE_INFINITY, this.#limits.inferTimeoutMs)
      if (this.#queue.length === 0) this.#firstSince = now
      const call: PendingCall = {
        id,
        encodedBytes,
        deadline: now + timeoutMs,
        timeoutMs,
        resolve,
        reject,
        isAbandoned: false,
      }
      this.#queue.push(signal === undefined ? call : abortable(call, signal, refusals.aborted))
      this.#startWatch(now)
    })
  }

  stats(): WorkerStats {
    return {
      pid: this.#process.pid,
      answered: this.#answered,
      failed: this.#failed,
      queued: this.#queue.length,
      computeMs: this.#computeMicros / 1000,
      residentBytes: this.#process.residentBytes(),
    }
  }

  /** Takes no more calls, lets those it has end for up to `graceMs`, then ends the process. Idempotent. */
  async stop(graceMs = 0): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      if (this.#queue.length > 0 && graceMs > 0) await this.#drained(graceMs)
      this.#abandonAll(refusals.stopped())
      this.#process.close()
    }
    await this.exited
  }

  #drained(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Writes the call's frame; gives its length in bytes. */
  #encode(callId: number, inputs: readonly Tensor[]): number {
    let bound = 0
    for (const { shape, data } of inputs) bound += encodedBound(shape, data)
    const { maxRequestBytes, maxQueuedBytes } = this.#limits
    if (bound > maxRequestBytes) throw refusals.requestTooLarge(maxRequestBytes)
    if (this.#queue.bytes + bound > maxQueuedBytes) throw refusals.queueFull()
    const writer = this.#outbox.room(HEADER_BYTES + bound)
    const start = writer.end
    writer.end += HEADER_BYTES
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index]
      if (input !== undefined) encodeTensor(writer, index, input.datatype, input.shape, input.data)
    }
    writer.writeHeader(start, {
      callId,
      kind: FRAME_KIND.infer,
      status: 0,
      count: inputs.length,
      computeMicros: 0,
    })
    return writer.end - start
  }

  #maxBodyBytes(header: FrameHeader): number {
    if (header.kind === FRAME_KIND.answer) return this.#limits.maxAnswerBytes
    return header.kind === FRAME_KIND.failure ? 0 : -1
  }

  /** Calls are answered in their order, so an honest worker's frame is about the first call of the queue. */
  #onFrame(
    header: FrameHeader,
    bytes: Buffer<ArrayBuffer>,
    view: DataView,
    start: number,
    end: number,
  ): void {
    const call = this.#queue.first
    if (call === undefined || call.id !== header.callId) {
      throw new ProtocolViolation('an answer to a call that was not made')
    }
    if (header.kind === FRAME_KIND.answer) {
      const outputs = decodeTensors(bytes, view, start, end, header.count, this.metadata.outputs)
      this.#answered++
      this.#computeMicros += header.computeMicros
      if (!call.isAbandoned) call.resolve(outputs)
    } else {
      const failure = failureOf(header.status)
      if (failure === undefined) throw new ProtocolViolation('a failure of an unknown kind')
      this.#failed++
      if (!call.isAbandoned) call.reject(failure)
    }
    this.#queue.shift()
    if (this.#queue.length > 0) this.#firstSince = performance.now()
    else this.#onDrained?.()
  }

  #startWatch(now: number): void {
    if (this.#watch !== undefined) return
    this.#watchedAt = now
    this.#watch = setInterval(() => this.#onWatch(), WATCH_INTERVAL_MS)
  }

  #stopWatch(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
  }

  #onWatch(): void {
    const now = performance.now()
    // Time in which this process itself was held up is not the worker's.
    this.#firstSince += Math.max(0, now - this.#watchedAt - 2 * WATCH_INTERVAL_MS)
    this.#watchedAt = now
    const { first } = this.#queue
    if (first === undefined) {
      this.#stopWatch()
      return
    }
    const { inferTimeoutMs, memoryLimitBytes } = this.#limits
    if (now - this.#firstSince > inferTimeoutMs) {
      this.#queue.shift()
      if (!first.isAbandoned) first.reject(refusals.timeout(inferTimeoutMs))
      this.#process.kill('hung', `a call took longer than ${inferTimeoutMs} ms`)
      return
    }
    for (const call of this.#queue) {
      if (now > call.deadline && !call.isAbandoned) {
        call.isAbandoned = true
        call.reject(refusals.timeout(call.timeoutMs))
      }
    }
    if (now - this.#memoryAt < MEMORY_INTERVAL_MS) return
    this.#memoryAt = now
    if (this.#process.residentBytes() > memoryLimitBytes) {
      this.#process.kill('memory-exceeded', 'resident memory passed its limit')
    }
  }

  #abandonAll(error: SallyportError): void {
    this.#stopWatch()
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      if (!call.isAbandoned) call.reject(error)
    }
    this.#onDrained?.()
  }
}
