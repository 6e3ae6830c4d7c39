import type { Datatype } from './tensor.ts'

/**
 * One tensor that a model takes or gives, as its author declares it. `shape` has -1 where a dimension is free (the
 * batch). Ranges and categories hold for every element.
 */
export interface TensorSchema {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly description?: string
  /** Physical or logical unit, such as `years` or `USD`. */
  readonly unit?: string
  /** Inclusive. */
  readonly minimum?: number
  /** Inclusive. */
  readonly maximum?: number
  /** The only values a BYTES element may have. */
  readonly categories?: readonly string[]
}

/** What a model declares it takes and gives; the gateway enforces it before the worker sees anything. */
export interface ModelSchema {
  readonly inputs: readonly TensorSchema[]
  readonly outputs: readonly TensorSchema[]
}
