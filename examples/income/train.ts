import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { readIncomeData } from './data.ts'
import { type Evaluation, evaluate, withoutTwins } from './evaluate.ts'
import { exportOnnx } from './export.ts'
import { encode, featureCount, fitEncoder } from './features.ts'
import { datasetManifest, modelDeclaration, withFigures } from './model-package.ts'
import { predict, type TrainingOptions, trainNetwork } from './network.ts'

/** Chosen on a part of the training rows; the held-out rows were looked at once, for the model card. */
const OPTIONS: TrainingOptions = {
  hidden: 128,
  epochs: 20,
  batch: 64,
  learningRate: 0.002,
  weightDecay: 0.01,
  dropout: 0.5,
  seed: 50_000,
}

export interface TrainedModel {
  readonly onnx: Buffer
  readonly declaration: string
  readonly manifest: string
  readonly evaluation: Evaluation
  /** On the held-out rows that have no equal among the training rows. */
  readonly evaluationOfNew: Evaluation
}

/** Trains the model on `adult.csv.gz` at `path`. The same file gives the same bytes. */
export async function trainIncomeModel(
  path: string,
  onEpoch?: (epoch: number, loss: number) => void,
): Promise<TrainedModel> {
  const data = await readIncomeData(path)
  const encoder = fitEncoder(data.train, data.categories)
  const samples = data.train.map((row) => encode(encoder, row))
  const options = onEpoch === undefined ? OPTIONS : { ...OPTIONS, onEpoch }
  const network = trainNetwork(samples, featureCount(encoder), options)
  const probabilities = data.heldOut.map((row) => predict(network, encode(encoder, row)))
  const evaluation = evaluate(data.heldOut, probabilities)
  const isNew = withoutTwins(data.heldOut, data.train)
  const newRows = data.heldOut.filter((_, index) => isNew[index])
  const evaluationOfNew = evaluate(
    newRows,
    probabilities.filter((_, index) => isNew[index]),
  )
  const manifest = datasetManifest(data.files)
  return {
    onnx: exportOnnx(encoder, network),
    declaration: modelDeclaration(encoder, evaluation, manifest),
    manifest,
    evaluation,
    evaluationOfNew,
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  if (values.data === undefined) {
    console.error('usage: node examples/income/train.ts --data PATH/adult.csv.gz')
    process.exitCode = 4
    return
  }
  const model = await trainIncomeModel(values.data, (epoch, loss) =>
    console.log(`epoch ${epoch} of ${OPTIONS.epochs}: loss ${loss.toFixed(4)}`),
  )
  const folder = new URL('model/', import.meta.url)
  const card = new URL('README.md', folder)
  await writeFile(new URL('model.onnx', folder), model.onnx)
  await writeFile(new URL('model.yaml', folder), model.declaration)
  await writeFile(new URL('dataset.json', folder), model.manifest)
  await writeFile(card, withFigures(await readFile(card, 'utf8'), model))
  console.log(
    `accuracy ${model.evaluation.accuracy.toFixed(4)}, area under the curve ${model.evaluation.auc.toFixed(4)}`,
  )
}

if (import.meta.main) await main()
