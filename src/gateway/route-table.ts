import type { ExchangeMetrics, Metrics } from '../observe/index.ts'
import { modelMetadata, serverMetadata } from './protocols/open-inference/index.ts'
import type { GatewaySnapshot, Route } from './snapshot.ts'

/** What stands at a path. */
export type Endpoint =
  | { readonly kind: 'live' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'document'; readonly body: string }
  | { readonly kind: 'model-ready'; readonly route: Route }
  | InferEndpoint

export interface InferEndpoint {
  readonly kind: 'infer'
  readonly route: Route
  readonly metrics: ExchangeMetrics
  /** The beginning of every JSON answer. */
  readonly answerPrefix: string
}

/** The one method that a path answers to, and what is there. HEAD is GET without the body. */
export interface Resource {
  readonly method: 'GET' | 'POST'
  readonly endpoint: Endpoint
}

/**
 * Every path that exists, with its exact spelling. A request's target is looked up as it was sent: nothing is decoded,
 * no slash is added or taken away, no dot segment resolved, so two spellings never reach the same thing.
 */
export type RouteTable = ReadonlyMap<string, Resource>

interface RouteTableOptions {
  readonly version: string
  readonly servesMetrics: boolean
  readonly metrics: Metrics
}

export function compileRoutes(snapshot: GatewaySnapshot, options: RouteTableOptions): RouteTable {
  const table = new Map<string, Resource>()
  const get = (path: string, endpoint: Endpoint) => table.set(path, { method: 'GET', endpoint })
  get('/healthz', { kind: 'live' })
  get('/readyz', { kind: 'ready' })
  get('/v2/health/live', { kind: 'live' })
  get('/v2/health/ready', { kind: 'ready' })
  get('/v2', { kind: 'document', body: serverMetadata(options.version) })
  if (options.servesMetrics) get('/metrics', { kind: 'metrics' })
  for (const [model, routes] of snapshot.routes) {
    const versions = routes.map((route) => route.version)
    for (const route of routes) {
      const { version } = route
      const infer: InferEndpoint = {
        kind: 'infer',
        route,
        metrics: options.metrics.exchanges(model, version),
        answerPrefix: `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}`,
      }
      const bases = [`/v2/models/${model}/versions/${version}`]
      if (route.isDefault) bases.push(`/v2/models/${model}`)
      for (const base of bases) {
        get(base, { kind: 'document', body: modelMetadata(route, versions) })
        get(`${base}/ready`, { kind: 'model-ready', route })
        table.set(`${base}/infer`, { method: 'POST', endpoint: infer })
      }
    }
  }
  return table
}
