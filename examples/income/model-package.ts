import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { CATEGORICAL_COLUMNS, LABELS, NUMERIC_COLUMNS } from './columns.ts'
import { type DataFile, SPLIT_SEED } from './data.ts'
import type { Evaluation, Figures } from './evaluate.ts'
import type { Encoder } from './features.ts'

/** The files that stand beside model.onnx, written from what was measured. */

/** `dataset.json`: which bytes the model was trained on. They are not part of the package. */
export function datasetManifest(files: readonly DataFile[]): string {
  const source = files.find((file) => file.role === 'source')
  const columns = [...NUMERIC_COLUMNS, ...CATEGORICAL_COLUMNS].map((column) =>
    column.source === column.name ? column.name : `${column.name} (${column.source} in the file)`,
  )
  const manifest = {
    schemaVersion: 1,
    name: 'uci-adult',
    description:
      `UCI Adult, the ${source?.rows} rows without missing values. adult.csv.gz is the source; train.csv and ` +
      `held-out.csv are its rows in the order that examples/income/data.ts shuffles them into (seed ${SPLIT_SEED}), ` +
      `the first fifth held out. Columns used: ${columns.join(', ')}; label: income. Not used: fnlwgt, education.`,
    source: 'https://doi.org/10.24432/C5XW20',
    licence: 'CC-BY-4.0',
    citation: 'Becker, B. and Kohavi, R. (1996). Adult [Dataset]. UCI Machine Learning Repository.',
    rows: source?.rows,
    files: files.map(({ path, sha256, sizeBytes }) => ({ path, sha256, sizeBytes })),
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** `model.yaml`: the interface that the gateway enforces, and what the model reached. */
export function modelDeclaration(encoder: Encoder, evaluation: Evaluation, manifest: string): string {
  const declaration = {
    schemaVersion: 1,
    name: 'income',
    description:
      'Predicts whether a person earned more than 50,000 USD in a year from census columns of 1994. An example, not fit for decisions about people.',
    framework: { name: 'onnx', version: '1' },
    licence: 'Apache-2.0',
    batching: { maxRows: 32 },
    inputs: [
      ...NUMERIC_COLUMNS.map(({ name, description, unit, minimum, maximum }) => ({
        name,
        datatype: 'FP32',
        shape: [-1, 1],
        description,
        unit,
        minimum,
        maximum,
      })),
      ...CATEGORICAL_COLUMNS.map(({ name, description }, index) => ({
        name,
        datatype: 'BYTES',
        shape: [-1, 1],
        description,
        categories: encoder.categories[index],
      })),
    ],
    outputs: [
      {
        name: 'label',
        datatype: 'BYTES',
        shape: [-1, 1],
        description: 'The more probable income, in USD a year',
        categories: LABELS,
      },
      {
        name: 'probability',
        datatype: 'FP32',
        shape: [-1, 1],
        description: `Probability of ${LABELS[1]}`,
        minimum: 0,
        maximum: 1,
      },
    ],
    dataset: { name: 'uci-adult', manifest: createHash('sha256').update(manifest).digest('hex') },
    metrics: {
      heldOutAccuracy: round(evaluation.accuracy),
      heldOutAuc: round(evaluation.auc),
      heldOutMajorityAccuracy: round(evaluation.majorityAccuracy),
      heldOutRows: evaluation.rows,
    },
  }
  return stringify(declaration, { lineWidth: 110 })
}

const FIGURES = /<!-- figures -->[\s\S]*<!-- end of figures -->/

interface Measured {
  readonly evaluation: Evaluation
  readonly evaluationOfNew: Evaluation
}

/** The model card with its measured part replaced. */
export function withFigures(card: string, measured: Measured): string {
  if (!FIGURES.test(card)) throw new Error('the model card has no place for its figures')
  return card.replace(FIGURES, `<!-- figures -->\n${figureTables(measured)}\n<!-- end of figures -->`)
}

function figureTables({ evaluation, evaluationOfNew }: Measured): string {
  const { truePositives, falsePositives, trueNegatives, falseNegatives } = evaluation
  const overall = [
    [`on the ${evaluation.rows} held-out rows`, ''],
    ['accuracy', evaluation.accuracy],
    [
      `accuracy on the ${evaluationOfNew.rows} of them that have no equal in the training`,
      evaluationOfNew.accuracy,
    ],
    ['area under the ROC curve', evaluation.auc],
    [`accuracy of always saying ${LABELS[0]}`, evaluation.majorityAccuracy],
  ]
  const confusion = [
    ['confusion', `predicted ${LABELS[0]}`, `predicted ${LABELS[1]}`],
    [`is ${LABELS[0]}`, `${trueNegatives}`, `${falsePositives}`],
    [`is ${LABELS[1]}`, `${falseNegatives}`, `${truePositives}`],
  ]
  const groups = [
    [
      'group',
      'rows',
      'accuracy',
      `earn ${LABELS[1]}`,
      `predicted ${LABELS[1]}`,
      'found',
      'wrongly predicted',
    ],
    ...evaluation.groups.map(({ column, value, figures }) => groupRow(`${column}: ${value}`, figures)),
  ]
  return `\n${[overall, confusion, groups].map(table).join('\n\n')}\n`
}

function groupRow(name: string, figures: Figures): (string | number)[] {
  const { rows, accuracy, positiveRate, predictedRate, truePositiveRate, falsePositiveRate } = figures
  return [name, `${rows}`, accuracy, positiveRate, predictedRate, truePositiveRate, falsePositiveRate]
}

/** A Markdown table with its columns aligned, shares to four decimals. The first row is the heading. */
function table(rows: readonly (readonly (string | number)[])[]): string {
  const [heading = [], ...body] = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toFixed(4) : cell)),
  )
  const widths = heading.map((_, column) =>
    Math.max(3, ...[heading, ...body].map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [heading, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n')
}

/** Four decimals: with some thousand rows the fifth says nothing. */
function round(share: number): number {
  return Math.round(share * 10_000) / 10_000
}
