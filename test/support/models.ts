import { type ElementType, type ModelDefinition, writeOnnx } from '../../src/formats/index.ts'

/** Tiny ONNX models, written at run time so that no binary stands in the repository without its source. */

const OPSET = [{ domain: '', version: 17 }]

/** `output = input`, of shape [batch, 1] unless another is given. */
export function identityModel(type: ElementType, shape: readonly (number | string)[] = ['batch', 1]): Buffer {
  return writeOnnx({
    opsets: OPSET,
    graph: {
      name: `identity-${type}`,
      inputs: [{ name: 'input', type, shape }],
      outputs: [{ name: 'output', type, shape }],
      nodes: [{ op: 'Identity', inputs: ['input'], outputs: ['output'] }],
    },
  })
}

/** Every element type that both the Open Inference Protocol and onnxruntime-node's Identity carry. */
export const IDENTITY_TYPES: readonly ElementType[] = [
  'bool',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'float',
  'double',
  'string',
]

/**
 * A two-layer perceptron on 30 floats: `features` [batch, 30] to `probability` [batch, 1], with fixed made-up weights.
 */
export function perceptronModel(): Buffer {
  const weights = (count: number, seed: number): number[] =>
    Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index * 12.9898 + seed) * 0.5))
  return writeOnnx({
    opsets: OPSET,
    graph: {
      name: 'perceptron',
      inputs: [{ name: 'features', type: 'float', shape: ['batch', 30] }],
      outputs: [{ name: 'probability', type: 'float', shape: ['batch', 1] }],
      initializers: [
        { name: 'w1', type: 'float', dims: [30, 16], data: { floats: weights(480, 1) } },
        { name: 'b1', type: 'float', dims: [16], data: { floats: weights(16, 2) } },
        { name: 'w2', type: 'float', dims: [16, 1], data: { floats: weights(16, 3) } },
        { name: 'b2', type: 'float', dims: [1], data: { floats: [0] } },
      ],
      nodes: [
        { op: 'Gemm', inputs: ['features', 'w1', 'b1'], outputs: ['hidden'] },
        { op: 'Relu', inputs: ['hidden'], outputs: ['active'] },
        { op: 'Gemm', inputs: ['active', 'w2', 'b2'], outputs: ['logit'] },
        { op: 'Sigmoid', inputs: ['logit'], outputs: ['probability'] },
      ],
    },
  })
}

/** Adds an initializer that stands in another file: what it names is read by a loader with the loader's rights. */
export function externalDataModel(location = '../../../../etc/passwd'): Buffer {
  return writeOnnx({
    opsets: OPSET,
    graph: {
      name: 'external',
      inputs: [{ name: 'input', type: 'float', shape: [4] }],
      outputs: [{ name: 'output', type: 'float', shape: [4] }],
      initializers: [
        {
          name: 'weights',
          type: 'float',
          dims: [4],
          data: { external: { location, offset: '0', length: '16' } },
        },
      ],
      nodes: [{ op: 'Add', inputs: ['input', 'weights'], outputs: ['output'] }],
    },
  })
}

/** A well-formed model that never answers: a Loop over the largest trip count. `input` and `output` are [1] floats. */
export function endlessModel(): Buffer {
  const scalar = (name: string, type: ElementType, value: number | bigint) => ({
    name,
    type,
    dims: [],
    data: { integers: [value] },
  })
  const definition: ModelDefinition = {
    opsets: OPSET,
    graph: {
      name: 'endless',
      inputs: [{ name: 'input', type: 'float', shape: [1] }],
      outputs: [{ name: 'output', type: 'float', shape: [1] }],
      initializers: [scalar('trips', 'int64', 2n ** 62n), scalar('go', 'bool', 1)],
      nodes: [
        {
          op: 'Loop',
          inputs: ['trips', 'go', 'input'],
          outputs: ['output'],
          attributes: {
            body: {
              graph: {
                name: 'body',
                inputs: [
                  { name: 'iteration', type: 'int64', shape: [] },
                  { name: 'condition', type: 'bool', shape: [] },
                  { name: 'carried', type: 'float', shape: [1] },
                ],
                outputs: [
                  { name: 'condition-out', type: 'bool', shape: [] },
                  { name: 'carried-out', type: 'float', shape: [1] },
                ],
                nodes: [
                  { op: 'Identity', inputs: ['condition'], outputs: ['condition-out'] },
                  { op: 'Sin', inputs: ['carried'], outputs: ['carried-out'] },
                ],
              },
            },
          },
        },
      ],
    },
  }
  return writeOnnx(definition)
}

/** A well-formed model that asks for `elements` floats (12 GB unless told) as soon as it runs. */
export function memoryBombModel(elements: bigint = 3_000_000_000n): Buffer {
  return writeOnnx({
    opsets: OPSET,
    graph: {
      name: 'memory-bomb',
      inputs: [{ name: 'input', type: 'float', shape: [1] }],
      outputs: [{ name: 'output', type: 'float', shape: ['n'] }],
      initializers: [{ name: 'shape', type: 'int64', dims: [1], data: { integers: [elements] } }],
      nodes: [
        { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['huge'] },
        { op: 'Add', inputs: ['huge', 'input'], outputs: ['output'] },
      ],
    },
  })
}
