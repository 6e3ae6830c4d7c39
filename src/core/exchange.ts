import type { Identity } from './identity.ts'
import type { EnvironmentName, ExchangeId, ModelName, VersionName } from './ids.ts'
import type { ModelSchema } from './model-schema.ts'
import type { Segment } from './segment.ts'
import type { Tensor } from './tensor.ts'
import type { Verdict } from './verdict.ts'

/** One request and its answer on their way through the pipeline. */
export interface Exchange {
  readonly id: ExchangeId
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number
  readonly identity: Identity
  readonly model: ModelName
  readonly version: VersionName
  readonly environment: EnvironmentName
  readonly schema: ModelSchema
  /** Texts of the request; empty for a model that takes only tensors. */
  readonly segments: readonly Segment[]
  /** Tensors of the request; empty for a model that takes only text. */
  readonly inputs: readonly Tensor[]
  /** Every verdict in the order it was given: the decision path. */
  readonly decisions: Decision[]
}

export interface Decision {
  readonly control: string
  readonly verdict: Verdict
  readonly durationMs: number
}

/** A filter over the answer's text as it streams. Text it holds back is never released early. */
export interface StreamFilter {
  /** Takes the next piece; gives what may leave now. */
  push(text: string): string
  /** The answer has ended; gives the rest that may leave. */
  flush(): string
}

/** A security measure in the pipeline. One that throws or times out is a denial. */
export interface Control {
  readonly name: string
  /** Before the model sees it. */
  onRequest?(exchange: Exchange): Verdict | Promise<Verdict>
  /** A filter over the answer's text as it streams. */
  openStream?(exchange: Exchange): StreamFilter
  /** After the last byte, off the client's path. */
  onSettled?(exchange: Exchange): void
}
