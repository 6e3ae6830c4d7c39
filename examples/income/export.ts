import { type NodeDefinition, type TensorDefinition, writeOnnx } from '../../src/formats/index.ts'
import { CATEGORICAL_COLUMNS, LABELS, NUMERIC_COLUMNS } from './columns.ts'
import { type Encoder, featureCount, LOGARITHM_COLUMNS } from './features.ts'
import type { Network } from './network.ts'

/**
 * The network as ONNX, with its preprocessing inside: each raw column is an input of shape [batch, 1], so that a caller
 * sends what a person would write down and nobody can encode it differently from the training.
 */
export function exportOnnx(encoder: Encoder, network: Network): Buffer {
  return writeOnnx({
    irVersion: 8,
    producerName: 'sallyport examples/income',
    modelVersion: 1,
    docString:
      'Income above 50K from census columns; trained on UCI Adult (Becker and Kohavi 1996, CC BY 4.0)',
    opsets: [
      { domain: '', version: 17 },
      { domain: 'ai.onnx.ml', version: 3 },
    ],
    graph: {
      name: 'income',
      inputs: [
        ...NUMERIC_COLUMNS.map(({ name }) => ({ name, type: 'float' as const, shape: ['batch', 1] })),
        ...CATEGORICAL_COLUMNS.map(({ name }) => ({ name, type: 'string' as const, shape: ['batch', 1] })),
      ],
      outputs: [
        { name: 'label', type: 'string', shape: ['batch', 1] },
        { name: 'probability', type: 'float', shape: ['batch', 1] },
      ],
      initializers: weights(encoder, network),
      nodes: [...numericNodes(encoder), ...categoricalNodes(encoder), ...networkNodes()],
    },
  })
}

function weights(encoder: Encoder, network: Network): TensorDefinition[] {
  const hotCount = featureCount(encoder) - encoder.means.length
  const floats = (name: string, dims: number[], values: Float32Array): TensorDefinition => ({
    name,
    type: 'float',
    dims,
    data: { raw: littleEndian(values) },
  })
  return [
    floats('one', [1], Float32Array.of(1)),
    { name: 'hot_shape', type: 'int64', dims: [2], data: { integers: [-1, hotCount] } },
    floats('hidden_weights', [network.inputs, network.hidden], network.weights),
    floats('hidden_biases', [network.hidden], network.biases),
    floats('output_weights', [network.hidden, 1], network.outputWeights),
    floats('output_bias', [1], network.outputBias),
    floats('threshold', [1], Float32Array.of(0.5)),
    { name: 'label_below', type: 'string', dims: [1], data: { strings: [LABELS[0]] } },
    { name: 'label_above', type: 'string', dims: [1], data: { strings: [LABELS[1]] } },
  ]
}

function numericNodes(encoder: Encoder): NodeDefinition[] {
  const names = NUMERIC_COLUMNS.map((column) => column.name)
  return [
    {
      op: 'Concat',
      inputs: LOGARITHM_COLUMNS.map((index) => names[index] ?? ''),
      outputs: ['money'],
      attributes: { axis: { int: 1 } },
    },
    { op: 'Add', inputs: ['money', 'one'], outputs: ['money_plus_one'] },
    { op: 'Log', inputs: ['money_plus_one'], outputs: ['money_logarithm'] },
    {
      op: 'Concat',
      inputs: [...names, 'money_logarithm'],
      outputs: ['numbers'],
      attributes: { axis: { int: 1 } },
    },
    {
      op: 'Scaler',
      domain: 'ai.onnx.ml',
      inputs: ['numbers'],
      outputs: ['scaled'],
      attributes: { offset: { floats: encoder.means }, scale: { floats: encoder.scales } },
    },
  ]
}

/** A value that the training never saw becomes all zeros; the declared categories refuse it before that. */
function categoricalNodes(encoder: Encoder): NodeDefinition[] {
  const encoders = CATEGORICAL_COLUMNS.map(({ name }, index) => ({
    op: 'OneHotEncoder',
    domain: 'ai.onnx.ml',
    inputs: [name],
    outputs: [`${name}_hot`],
    attributes: { cats_strings: { strings: encoder.categories[index] ?? [] }, zeros: { int: 1 } },
  }))
  return [
    ...encoders,
    {
      op: 'Concat',
      inputs: encoders.flatMap((node) => node.outputs),
      outputs: ['hot_columns'],
      attributes: { axis: { int: -1 } },
    },
    { op: 'Reshape', inputs: ['hot_columns', 'hot_shape'], outputs: ['hot'] },
  ]
}

function networkNodes(): NodeDefinition[] {
  return [
    { op: 'Concat', inputs: ['scaled', 'hot'], outputs: ['features'], attributes: { axis: { int: 1 } } },
    { op: 'Gemm', inputs: ['features', 'hidden_weights', 'hidden_biases'], outputs: ['hidden'] },
    { op: 'Relu', inputs: ['hidden'], outputs: ['active'] },
    { op: 'Gemm', inputs: ['active', 'output_weights', 'output_bias'], outputs: ['logit'] },
    { op: 'Sigmoid', inputs: ['logit'], outputs: ['probability'] },
    { op: 'Greater', inputs: ['probability', 'threshold'], outputs: ['is_above'] },
    { op: 'Where', inputs: ['is_above', 'label_above', 'label_below'], outputs: ['label'] },
  ]
}

function littleEndian(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    bytes.writeFloatLE(value, index * 4)
  })
  return bytes
}
