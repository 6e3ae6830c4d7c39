import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { type OnnxTensor, readOnnx } from '../../src/formats/index.ts'
import { CATEGORICAL_COLUMNS, LABELS, NUMERIC_COLUMNS } from './columns.ts'
import type { Row } from './data.ts'
import { exportOnnx } from './export.ts'
import { type Encoder, encode, fitEncoder, NUMERIC_FEATURES } from './features.ts'
import { type Network, predict, trainNetwork } from './network.ts'
import { randomFrom } from './random.ts'

const read = (name: string): Buffer => readFileSync(new URL(name, import.meta.url))
const onnx = read('model/model.onnx')
const { inputs, outputs, metrics, dataset } = z
  .object({
    inputs: z.array(
      z.object({
        name: z.string(),
        datatype: z.string(),
        minimum: z.number().optional(),
        maximum: z.number().optional(),
        categories: z.array(z.string()).optional(),
      }),
    ),
    outputs: z.array(z.object({ name: z.string() })),
    metrics: z.record(z.string(), z.number()),
    dataset: z.object({ manifest: z.string() }),
  })
  .parse(parse(read('model/model.yaml').toString()))

/** The categories as the model declares them, in the order of the columns. */
const categories = CATEGORICAL_COLUMNS.map(
  (column) => inputs.find((input) => input.name === column.name)?.categories ?? [],
)

/** People who need not exist, spread over all declared ranges and categories. */
function people(count: number, seed: number): Row[] {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => ({
    numerics: NUMERIC_COLUMNS.map(({ minimum, maximum, unit }) =>
      unit === 'USD' && random() < 0.8 ? 0 : Math.round(minimum + random() * (maximum - minimum)),
    ),
    categories: categories.map((values) => values[Math.floor(random() * values.length)] ?? ''),
    label: random() < 0.25 ? 1 : 0,
  }))
}

async function run(
  model: Uint8Array,
  rows: readonly Row[],
): Promise<{ labels: unknown[]; probabilities: number[] }> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const shape = [rows.length, 1]
  const numerics = NUMERIC_COLUMNS.map(({ name }, index) => [
    name,
    new Tensor(
      'float32',
      Float32Array.from(rows, (row) => row.numerics[index] ?? 0),
      shape,
    ),
  ])
  const texts = CATEGORICAL_COLUMNS.map(({ name }, index) => [
    name,
    new Tensor(
      'string',
      rows.map((row) => row.categories[index] ?? ''),
      shape,
    ),
  ])
  const { label, probability } = await session.run(Object.fromEntries([...numerics, ...texts]))
  expect([label?.dims, probability?.dims]).toEqual([shape, shape])
  return { labels: [...(label?.data ?? [])], probabilities: Array.from(probability?.data ?? [], Number) }
}

/** The network and the encoder that the committed file holds. */
function committed(): { encoder: Encoder; network: Network } {
  const graph = readOnnx(onnx).model.graph
  const floats = (name: string): Float32Array =>
    floatsOf(graph?.initializers.find((tensor) => tensor.name === name))
  const weights = floats('hidden_weights')
  const biases = floats('hidden_biases')
  const inputCount = weights.length / biases.length
  const network = {
    inputs: inputCount,
    hidden: biases.length,
    weights,
    biases,
    outputWeights: floats('output_weights'),
    outputBias: floats('output_bias'),
  }
  const [means = [], scales = []] = ['offset', 'scale'].map((name) => Array.from(scalerAttribute(name)))
  return { encoder: { means, scales, categories }, network }
}

function floatsOf(tensor: OnnxTensor | undefined): Float32Array {
  const raw = Buffer.from(tensor?.raw ?? new Uint8Array(0))
  return Float32Array.from({ length: raw.length / 4 }, (_, index) => raw.readFloatLE(index * 4))
}

/** The model's reader keeps no floats of attributes, so they are looked for where the attribute stands. */
function scalerAttribute(name: string): Float32Array {
  const scaler = readOnnx(onnx).model.graph?.nodes.find((node) => node.opType === 'Scaler')
  const attribute = scaler?.attributes.find((candidate) => candidate.name === name)
  const start = onnx.indexOf(name, attribute?.offset) + name.length
  // Field 7, packed: one tag byte and one length byte before the values.
  expect([onnx[start], onnx[start + 1]]).toEqual([0x3a, NUMERIC_FEATURES * 4])
  return Float32Array.from({ length: NUMERIC_FEATURES }, (_, index) =>
    onnx.readFloatLE(start + 2 + index * 4),
  )
}

describe('the income model', () => {
  it('gives in onnxruntime what the network in TypeScript gives', async () => {
    const { encoder, network } = committed()
    const rows = people(500, 7)
    const { labels, probabilities } = await run(onnx, rows)
    const expected = rows.map((row) => predict(network, encode(encoder, row)))
    for (const [index, probability] of expected.entries()) {
      expect(Math.abs((probabilities[index] ?? Number.NaN) - probability)).toBeLessThan(1e-5)
    }
    expect(labels).toEqual(probabilities.map((probability) => LABELS[probability > 0.5 ? 1 : 0]))
    expect(new Set(labels).size).toBe(2)
  })

  it('answers the request that stands beside it', async () => {
    const tensor = z.object({
      name: z.string(),
      shape: z.tuple([z.literal(1), z.literal(1)]),
      datatype: z.string(),
    })
    const request = z
      .object({
        inputs: z.array(tensor.extend({ data: z.array(z.union([z.number(), z.string()])).length(1) })),
      })
      .parse(JSON.parse(read('request.json').toString()))
    expect(request.inputs.map(({ name, datatype }) => [name, datatype])).toEqual(
      inputs.map(({ name, datatype }) => [name, datatype]),
    )
    const value = (name: string): string | number =>
      request.inputs.find((input) => input.name === name)?.data[0] ?? ''
    for (const input of inputs) {
      const given = value(input.name)
      if (input.categories !== undefined) expect(input.categories).toContain(given)
      else expect(Number(given) >= (input.minimum ?? 0) && Number(given) <= (input.maximum ?? 0)).toBe(true)
    }
    const person: Row = {
      numerics: NUMERIC_COLUMNS.map(({ name }) => Number(value(name))),
      categories: CATEGORICAL_COLUMNS.map(({ name }) => String(value(name))),
      label: 1,
    }
    expect((await run(onnx, [person])).labels).toEqual(['>50K'])
  })

  it('declares the tensors that its file has', () => {
    const graph = readOnnx(onnx).model.graph
    expect(inputs.map((input) => input.name)).toEqual(graph?.inputs.map((input) => input.name))
    expect(outputs.map((output) => output.name)).toEqual(graph?.outputs.map((output) => output.name))
  })

  it('reaches an accuracy of at least 0.84 on the held-out fifth, and its card says the same figures', () => {
    expect(metrics['heldOutAccuracy']).toBeGreaterThanOrEqual(0.84)
    const card = read('model/README.md').toString().replaceAll(/ +/g, ' ')
    expect(card).toContain(`on the ${metrics['heldOutRows']} held-out rows`)
    for (const [row, metric] of [
      ['accuracy', 'heldOutAccuracy'],
      ['area under the ROC curve', 'heldOutAuc'],
      ['accuracy of always saying <=50K', 'heldOutMajorityAccuracy'],
    ] as const) {
      expect(card).toContain(`| ${row} | ${metrics[metric]?.toFixed(4)} |`)
    }
  })

  it('names its dataset by the digest of the manifest beside it', () => {
    expect(createHash('sha256').update(read('model/dataset.json')).digest('hex')).toBe(dataset.manifest)
  })
})

describe('the training', () => {
  it('gives the same bytes from the same samples and seed, and others from another seed', () => {
    const rows = people(300, 11)
    const encoder = fitEncoder(rows, categories)
    const samples = rows.map((row) => encode(encoder, row))
    const size = NUMERIC_FEATURES + categories.flat().length
    const options = { hidden: 8, epochs: 2, batch: 32, learningRate: 0.01, weightDecay: 0.01, dropout: 0.5 }
    const bytes = (seed: number): Buffer =>
      exportOnnx(encoder, trainNetwork(samples, size, { ...options, seed }))
    expect(bytes(1).equals(bytes(1))).toBe(true)
    expect(bytes(1).equals(bytes(2))).toBe(false)
  })

  it('learns what can be learned', () => {
    const rows = people(1000, 13).map((row): Row => ({ ...row, label: (row.numerics[0] ?? 0) > 50 ? 1 : 0 }))
    const encoder = fitEncoder(rows, categories)
    const samples = rows.map((row) => encode(encoder, row))
    const size = NUMERIC_FEATURES + categories.flat().length
    const network = trainNetwork(samples, size, {
      hidden: 8,
      epochs: 20,
      batch: 32,
      learningRate: 0.01,
      weightDecay: 0,
      dropout: 0,
      seed: 1,
    })
    const right = samples.filter((sample) => predict(network, sample) > 0.5 === (sample.label === 1)).length
    expect(right / samples.length).toBeGreaterThan(0.97)
  })
})
