import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ModelName, VersionName } from '../core/index.ts'
import { TalliedHistogram, type Tally } from './tally.ts'

/** What one model version's exchanges are counted in; resolved once, when the version starts to be served. */
export interface ExchangeMetrics {
  readonly requestDuration: Tally
  readonly inferenceDuration: Tally
  served(): void
}

export interface MetricsOptions {
  /** Whether to add the process's own figures: CPU, memory, event loop, garbage collection. */
  readonly processMetrics: boolean
}

/** The label of a request that reached no model. */
const NONE = '-'
/** Codes are stable words of the product; should one ever be made from input, labels still stay bounded. */
const MAX_CODES = 256

/**
 * The product's Prometheus metrics. Labels hold only bounded values: model, version, and the stable code of a refusal.
 * Never a path, a key, a tenant or anything a client wrote.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requestDuration = new TalliedHistogram(
    'sallyport_request_duration_seconds',
    'From the head of a request to its answer, for requests that were answered by a model',
  )
  readonly #inferenceDuration = new TalliedHistogram(
    'sallyport_inference_duration_seconds',
    'Time that the worker of a model took to answer, its queue included',
  )
  readonly #evidenceWait = new TalliedHistogram(
    'sallyport_evidence_wait_seconds',
    'Time that an answer waited until its event was durable in the transparency log',
  )
  readonly #requests: Counter<'model' | 'version' | 'code'>
  readonly #codes = new Set<string>()
  /** How long answers waited for their evidence. */
  readonly evidenceWait: Tally

  constructor(options: MetricsOptions) {
    this.#requests = new Counter({
      name: 'sallyport_requests_total',
      help: "Requests to the data plane by outcome: code is 'ok' or the stable code of the refusal",
      labelNames: ['model', 'version', 'code'],
      registers: [this.#registry],
    })
    this.evidenceWait = this.#evidenceWait.tally({})
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry })
  }

  /** The Content-Type of what `render` gives. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** All metrics in Prometheus' text format 0.0.4. */
  async render(): Promise<string> {
    const histograms = [this.#requestDuration, this.#inferenceDuration, this.#evidenceWait]
    return [await this.#registry.metrics(), ...histograms.map((each) => each.render())].join('\n')
  }

  exchanges(model: ModelName, version: VersionName): ExchangeMetrics {
    const served = this.#requests.labels(model, version, 'ok')
    return {
      requestDuration: this.#requestDuration.tally({ model, version }),
      inferenceDuration: this.#inferenceDuration.tally({ model, version }),
      served: () => served.inc(),
    }
  }

  /** Counts a refusal under its stable code, and the model version where the request reached one. */
  refused(code: string, route?: { readonly model: ModelName; readonly version: VersionName }): void {
    const label = this.#codes.has(code) || this.#codes.size < MAX_CODES ? code : 'other'
    this.#codes.add(label)
    this.#requests.inc({ model: route?.model ?? NONE, version: route?.version ?? NONE, code: label })
  }

  /** A figure without labels that is read when the metrics are asked for. `name` after `sallyport_`. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `sallyport_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}
