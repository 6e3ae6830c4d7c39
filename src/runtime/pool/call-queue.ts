import type { Tensor } from '../../core/index.ts'

/** One call on its way. */
export interface PendingCall {
  readonly id: number
  readonly encodedBytes: number
  /** Monotonic milliseconds at which its caller no longer waits. */
  readonly deadline: number
  /** How long that is from the call, in milliseconds. */
  readonly timeoutMs: number
  readonly resolve: (outputs: Tensor[]) => void
  readonly reject: (error: Error) => void
  /** Its caller has been answered with an error and waits no longer; the worker does not know. */
  isAbandoned: boolean
}

/** Calls in the order in which the worker answers them. */
export class CallQueue {
  #calls: PendingCall[] = []
  #head = 0
  /** Encoded bytes of all calls in the queue. */
  bytes = 0

  get length(): number {
    return this.#calls.length - this.#head
  }

  get first(): PendingCall | undefined {
    return this.#calls[this.#head]
  }

  push(call: PendingCall): void {
    this.#calls.push(call)
    this.bytes += call.encodedBytes
  }

  shift(): PendingCall | undefined {
    const call = this.#calls[this.#head]
    if (call === undefined) return undefined
    this.#head++
    this.bytes -= call.encodedBytes
    if (this.#head === this.#calls.length) {
      this.#calls = []
      this.#head = 0
    } else if (this.#head === 1024) {
      this.#calls = this.#calls.slice(this.#head)
      this.#head = 0
    }
    return call
  }

  *[Symbol.iterator](): Generator<PendingCall> {
    for (let index = this.#head; index < this.#calls.length; index++) {
      const call = this.#calls[index]
      if (call !== undefined) yield call
    }
  }
}

/** The call, abandoned when the signal says so. */
export function abortable(call: PendingCall, signal: AbortSignal, aborted: () => Error): PendingCall {
  const onAbort = () => {
    guarded.isAbandoned = true
    call.reject(aborted())
  }
  const guarded: PendingCall = {
    ...call,
    resolve: (outputs) => {
      signal.removeEventListener('abort', onAbort)
      call.resolve(outputs)
    },
    reject: (error) => {
      signal.removeEventListener('abort', onAbort)
      call.reject(error)
    },
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return guarded
}
