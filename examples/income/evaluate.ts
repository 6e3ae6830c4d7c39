import { CATEGORICAL_COLUMNS } from './columns.ts'
import type { Row } from './data.ts'

/** Figures of binary predictions; the positive class is an income above 50K, predicted above a probability of 0.5. */
export interface Figures {
  readonly rows: number
  readonly accuracy: number
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
  /** Share of the rows that are positive, and that are predicted so. */
  readonly positiveRate: number
  readonly predictedRate: number
  /** Share of the positive rows that are found, and of the negative rows that are taken for positive. */
  readonly truePositiveRate: number
  readonly falsePositiveRate: number
}

export interface Evaluation extends Figures {
  /** Area under the receiver operating characteristic. */
  readonly auc: number
  /** What always saying the more frequent class would reach. */
  readonly majorityAccuracy: number
  readonly groups: readonly { readonly column: string; readonly value: string; readonly figures: Figures }[]
}

/** Columns for which the figures are also given value by value. */
const GROUP_COLUMNS = ['sex', 'race']

/** Which rows have no equal in `others` in the columns that the model takes. */
export function withoutTwins(rows: readonly Row[], others: readonly Row[]): boolean[] {
  const key = (row: Row): string => JSON.stringify([row.numerics, row.categories])
  const seen = new Set(others.map(key))
  return rows.map((row) => !seen.has(key(row)))
}

export function evaluate(rows: readonly Row[], probabilities: readonly number[]): Evaluation {
  const all = figures(rows, probabilities)
  const groups = GROUP_COLUMNS.flatMap((column) => {
    const position = CATEGORICAL_COLUMNS.findIndex((candidate) => candidate.name === column)
    const values = [...new Set(rows.map((row) => row.categories[position] ?? ''))].sort()
    return values.map((value) => {
      const isMember = (index: number): boolean => rows[index]?.categories[position] === value
      const pick = <T>(list: readonly T[]): T[] => list.filter((_, index) => isMember(index))
      return { column, value, figures: figures(pick(rows), pick(probabilities)) }
    })
  })
  return {
    ...all,
    auc: areaUnderCurve(rows, probabilities),
    majorityAccuracy: Math.max(all.positiveRate, 1 - all.positiveRate),
    groups,
  }
}

function figures(rows: readonly Row[], probabilities: readonly number[]): Figures {
  const count = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 }
  for (const [index, row] of rows.entries()) {
    const isPredicted = (probabilities[index] ?? 0) > 0.5
    if (row.label === 1) count[isPredicted ? 'truePositives' : 'falseNegatives']++
    else count[isPredicted ? 'falsePositives' : 'trueNegatives']++
  }
  const positives = count.truePositives + count.falseNegatives
  const negatives = count.trueNegatives + count.falsePositives
  return {
    rows: rows.length,
    ...count,
    accuracy: (count.truePositives + count.trueNegatives) / rows.length,
    positiveRate: positives / rows.length,
    predictedRate: (count.truePositives + count.falsePositives) / rows.length,
    truePositiveRate: count.truePositives / positives,
    falsePositiveRate: count.falsePositives / negatives,
  }
}

/** The probability that a positive row is ranked above a negative one, ties counting half (Mann and Whitney's U). */
function areaUnderCurve(rows: readonly Row[], probabilities: readonly number[]): number {
  const order = [...rows.keys()].sort((one, other) => (probabilities[one] ?? 0) - (probabilities[other] ?? 0))
  let positiveRanks = 0
  let positives = 0
  for (let first = 0; first < order.length; ) {
    let next = first + 1
    while (next < order.length && probabilities[order[next] ?? 0] === probabilities[order[first] ?? 0]) next++
    const rank = (first + 1 + next) / 2
    for (const index of order.slice(first, next)) {
      if (rows[index]?.label !== 1) continue
      positives++
      positiveRanks += rank
    }
    first = next
  }
  const negatives = rows.length - positives
  return (positiveRanks - (positives * (positives + 1)) / 2) / (positives * negatives)
}
