import { CATEGORICAL_COLUMNS, NUMERIC_COLUMNS } from './columns.ts'
import type { Row } from './data.ts'

/** How raw columns become the numbers that the network takes; the exported graph does exactly the same. */
export interface Encoder {
  /** Of each numeric feature: `(value - mean) * scale`. */
  readonly means: readonly number[]
  readonly scales: readonly number[]
  readonly categories: readonly (readonly string[])[]
}

/** Numeric features: the columns, then the logarithms of one plus the two amounts of money, which are very skewed. */
export const LOGARITHM_COLUMNS: readonly number[] = [2, 3]
export const NUMERIC_FEATURES = NUMERIC_COLUMNS.length + LOGARITHM_COLUMNS.length

/** One row for the network: dense numbers, and which of the one-hot features are 1. */
export interface Sample {
  readonly dense: Float32Array
  readonly hot: Int32Array
  readonly label: 0 | 1
}

/** Fits the encoder to the training rows: means and deviations of the numbers, the values of the categories. */
export function fitEncoder(rows: readonly Row[], categories: readonly (readonly string[])[]): Encoder {
  const features = rows.map(numericFeatures)
  const means: number[] = []
  const scales: number[] = []
  for (let index = 0; index < NUMERIC_FEATURES; index++) {
    const values = features.map((feature) => feature[index] ?? 0)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    // Rounded to what the exported graph holds, so that both compute from the same constants.
    means.push(Math.fround(mean))
    scales.push(Math.fround(1 / Math.sqrt(variance)))
  }
  return { means, scales, categories }
}

export function encode(encoder: Encoder, row: Row): Sample {
  const dense = Float32Array.from(numericFeatures(row), (value, index) =>
    Math.fround(Math.fround(value - (encoder.means[index] ?? 0)) * (encoder.scales[index] ?? 0)),
  )
  let first = NUMERIC_FEATURES
  const hot: number[] = []
  for (let column = 0; column < CATEGORICAL_COLUMNS.length; column++) {
    const values = encoder.categories[column] ?? []
    const index = values.indexOf(row.categories[column] ?? '')
    if (index >= 0) hot.push(first + index)
    first += values.length
  }
  return { dense, hot: Int32Array.from(hot), label: row.label }
}

export function featureCount(encoder: Encoder): number {
  return encoder.categories.reduce((sum, values) => sum + values.length, NUMERIC_FEATURES)
}

function numericFeatures(row: Row): number[] {
  const logarithms = LOGARITHM_COLUMNS.map((index) =>
    Math.fround(Math.log(Math.fround(1 + (row.numerics[index] ?? 0)))),
  )
  return [...row.numerics, ...logarithms]
}
