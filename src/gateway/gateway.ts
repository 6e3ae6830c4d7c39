import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, type Control, SallyportError } from '../core/index.ts'
import type { Logger, Metrics } from '../observe/index.ts'
import type { Call } from './call.ts'
import { DataPlane } from './data-plane.ts'
import type { EvidenceLog } from './evidence.ts'
import { EvidenceQueue } from './evidence-queue.ts'
import { DEFAULT_LIMITS, type GatewayLimits } from './limits.ts'
import { malformed, Refusal } from './refusal.ts'
import { compileRoutes } from './route-table.ts'
import { Settlement } from './settlement.ts'
import type { GatewaySnapshot } from './snapshot.ts'

export interface GatewayOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** The product's version, for clients that have proven who they are. */
  readonly version: string
  readonly snapshot: GatewaySnapshot
  readonly controls: readonly Control[]
  readonly evidence: EvidenceLog
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly limits?: Partial<GatewayLimits>
  /** Whether GET /metrics is answered here too, without a key. The admin listener is the better place. */
  readonly servesMetrics?: boolean
}

export interface Gateway {
  /** Opens the listener. Rejects with `gateway.cannot-listen`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Replaces keys and routes for every request that begins after this call. */
  swap(snapshot: GatewaySnapshot): void
  /** Turns not ready, accepts no more, lets what runs end for at most `graceMs`, then cuts it. */
  close(graceMs: number): Promise<void>
}

/** How often connections and models are looked at for being overdue. */
const SWEEP_MS = 250
const CLOSE_POLL_MS = 10

/** The data plane's listener. Nothing is opened before `listen`. */
export function createGateway(options: GatewayOptions): Gateway {
  const { metrics, logger, clock, controls, evidence, version } = options
  const limits = limitsFrom(options.limits ?? {})
  const { maxBodyBytes } = limits
  const calls = new Set<Call>()
  const settlement = new Settlement({
    evidence: new EvidenceQueue(evidence, () => calls.size),
    metrics,
    logger,
    clock,
    maxBodyBytes,
  })
  const servesMetrics = options.servesMetrics ?? false
  const routesOf = (snapshot: GatewaySnapshot) => compileRoutes(snapshot, { version, servesMetrics, metrics })
  const plane = new DataPlane(
    { controls, settlement, metrics, logger, clock, limits, calls },
    options.snapshot.keys,
    routesOf(options.snapshot),
  )
  const server = createHttpServer(plane, settlement, limits)
  const sweep = setInterval(() => plane.refuseOverdue(), SWEEP_MS).unref()
  return {
    listen: () => listen(server, options.host, options.port),
    swap: (snapshot) => plane.swap(snapshot.keys, routesOf(snapshot)),
    async close(graceMs) {
      settlement.isClosing = true
      await close(server, plane, graceMs)
      clearInterval(sweep)
    },
  }
}

function limitsFrom(given: Partial<GatewayLimits>): GatewayLimits {
  const limits = { ...DEFAULT_LIMITS, ...given }
  // Who allows large bodies and says nothing of all of them together means that one of them has room.
  if (given.maxBufferedBytes !== undefined) return limits
  return { ...limits, maxBufferedBytes: Math.max(limits.maxBufferedBytes, limits.maxBodyBytes) }
}

function createHttpServer(plane: DataPlane, settlement: Settlement, limits: GatewayLimits): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: SWEEP_MS,
      noDelay: true,
      insecureHTTPParser: false,
      requireHostHeader: true,
    },
    (request, response) => plane.handle(request, response),
  )
  server.maxConnections = limits.maxConnections
  // Of a connection on which nothing moves at all: a reader that does not read, longer than any answer can take.
  server.timeout = limits.requestTimeoutMs + limits.inferTimeoutMs + limits.idleTimeoutMs
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const refusal = connectionRefusal(error.code, limits)
    const outcome = plane.refuseBroken(socket, refusal)
    // A second answer amid the one to an earlier request of this connection would be taken for that one.
    if (outcome === 'busy') socket.destroy()
    if (outcome === 'idle') void settlement.refuseConnection(socket, refusal)
  })
  return server
}

function connectionRefusal(code: string | undefined, limits: GatewayLimits): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': {
      const message = `the headers are larger than ${limits.maxHeaderBytes} bytes`
      return new Refusal('gateway.headers-too-large', message, { kind: 'too-large', status: 431 })
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('gateway.request-timeout', 'the request did not arrive in time', {
        kind: 'timeout',
        status: 408,
      })
    default:
      return malformed('gateway.malformed-http', 'this is not an HTTP/1.1 request')
  }
}

function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => {
      const message = `the gateway cannot listen on ${host}:${port} (${cause.code ?? 'unknown error'})`
      const remedy = 'choose another host or port, or stop what uses it'
      reject(new SallyportError('gateway.cannot-listen', message, { kind: 'conflict', remedy, cause }))
    }
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      const bound = server.address()
      if (typeof bound === 'object' && bound !== null) resolve({ host: bound.address, port: bound.port })
    })
  })
}

async function close(server: Server, plane: DataPlane, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  const deadline = performance.now() + graceMs
  while (plane.callsInFlight > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS))
  }
  server.closeIdleConnections()
  // An answer that has just been handed to its socket gets there: only what is still being worked on is cut.
  if (plane.callsInFlight > 0) server.closeAllConnections()
  setTimeout(() => server.closeAllConnections(), Math.max(0, deadline - performance.now())).unref()
  await closed
}
