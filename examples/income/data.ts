import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { CATEGORICAL_COLUMNS, LABELS, NUMERIC_COLUMNS } from './columns.ts'
import { randomFrom, shuffled } from './random.ts'

/** One person of the census: values in the order of the column lists. */
export interface Row {
  readonly numerics: readonly number[]
  readonly categories: readonly string[]
  /** 1 for an income above 50,000 USD a year. */
  readonly label: 0 | 1
}

export interface DataFile {
  readonly role: 'source' | 'train' | 'held-out'
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly rows: number
}

export interface IncomeData {
  readonly train: readonly Row[]
  readonly heldOut: readonly Row[]
  /** Every value of each categorical column, sorted. */
  readonly categories: readonly (readonly string[])[]
  /** What was read, and what the split makes of it. */
  readonly files: readonly DataFile[]
}

/** The year of the census: any number would do, as long as it stays. */
export const SPLIT_SEED = 1994

/** Reads `adult.csv.gz` and holds out a fifth of its rows, chosen by `SPLIT_SEED`. */
export async function readIncomeData(path: string): Promise<IncomeData> {
  const packed = await readFile(path)
  const [header = '', ...lines] = gunzipSync(packed).toString('utf8').trim().split('\n')
  const order = shuffled(lines.length, randomFrom(SPLIT_SEED))
  const heldOutCount = Math.floor(lines.length / 5)
  const pick = (positions: Uint32Array): string[] =>
    Array.from(positions, (position) => lines[position] ?? '')
  const heldOutLines = pick(order.subarray(0, heldOutCount))
  const trainLines = pick(order.subarray(heldOutCount))
  const parse = rowParser(header)
  const train = trainLines.map(parse)
  const heldOut = heldOutLines.map(parse)
  return {
    train,
    heldOut,
    categories: CATEGORICAL_COLUMNS.map((_, column) =>
      [...new Set([...train, ...heldOut].map((row) => row.categories[column] ?? ''))].sort(),
    ),
    files: [
      describe('source', 'adult.csv.gz', packed, lines.length),
      describe('train', 'train.csv', csv(header, trainLines), trainLines.length),
      describe('held-out', 'held-out.csv', csv(header, heldOutLines), heldOutLines.length),
    ],
  }
}

function rowParser(header: string): (line: string) => Row {
  const names = header.split(',')
  const position = (name: string): number => {
    const index = names.indexOf(name)
    if (index < 0)
      throw new Error(`the data file has no column ${name}; it should be UCI Adult with a header`)
    return index
  }
  const numeric = NUMERIC_COLUMNS.map((column) => position(column.source))
  const categorical = CATEGORICAL_COLUMNS.map((column) => position(column.source))
  const income = position('income')
  return (line) => {
    const cells = line.split(',')
    return {
      numerics: numeric.map((index) => Number(cells[index])),
      categories: categorical.map((index) => cells[index] ?? ''),
      label: cells[income] === LABELS[1] ? 1 : 0,
    }
  }
}

function csv(header: string, lines: readonly string[]): Buffer {
  return Buffer.from(`${[header, ...lines].join('\n')}\n`)
}

function describe(role: DataFile['role'], path: string, bytes: Buffer, rows: number): DataFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { role, path, sizeBytes: bytes.length, sha256, rows }
}
