import type { EventInput, Receipt } from '../audit/index.ts'
import type { EvidenceLog } from './evidence.ts'

interface Waiting {
  readonly event: EventInput
  readonly resolve: (receipt: Pick<Receipt, 'id'>) => void
  readonly reject: (reason: unknown) => void
}

/** How long the first event of a group waits for others, at most. */
const GATHER_MS = 5

/**
 * Hands events to the log in groups. A commit of the log costs as much for one event as for fifty (a signature, two
 * synchronous writes), and a log that commits as soon as it can makes many small ones just when there is most to do. So
 * events gather until they are half of the requests in flight, but no longer than a moment: one half is made durable
 * while the other is worked on. The event of a lone client, or of one of two, does not wait at all.
 */
export class EvidenceQueue implements EvidenceLog {
  readonly #log: EvidenceLog
  readonly #countInFlight: () => number
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  readonly #flush = () => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const { event, resolve, reject } of waiting) this.#log.append(event).then(resolve, reject)
  }

  /** @param countInFlight how many requests are being worked on, those included whose event is here or in the log */
  constructor(log: EvidenceLog, countInFlight: () => number) {
    this.#log = log
    this.#countInFlight = countInFlight
  }

  append(event: EventInput): Promise<Pick<Receipt, 'id'>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject })
      if (this.#waiting.length * 2 >= this.#countInFlight()) this.#flush()
      else this.#timer ??= setTimeout(this.#flush, GATHER_MS)
    })
  }
}
