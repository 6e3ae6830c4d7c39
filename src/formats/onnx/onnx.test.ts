import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  endlessModel,
  externalDataModel,
  IDENTITY_TYPES,
  identityModel,
  perceptronModel,
} from '../../../test/support/models.ts'
import { WireWriter } from '../protobuf/index.ts'
import {
  bitsOf,
  datatypeOf,
  elementTypeCode,
  elementTypeOf,
  type ModelDefinition,
  readOnnx,
  writeOnnx,
} from './index.ts'

const EVERYTHING: ModelDefinition = {
  irVersion: 9,
  producerName: 'test',
  producerVersion: '1',
  domain: 'example',
  modelVersion: 3,
  docString: 'a text',
  opsets: [
    { domain: '', version: 17 },
    { domain: 'ai.onnx.ml', version: 3 },
  ],
  metadata: { author: 'nobody' },
  graph: {
    name: 'main',
    inputs: [
      { name: 'numbers', type: 'float', shape: ['batch', 4] },
      { name: 'unranked', type: 'int64' },
    ],
    outputs: [{ name: 'out', type: 'float16', shape: [] }],
    initializers: [
      { name: 'floats', type: 'float', dims: [2], data: { floats: [1.5, -2] } },
      { name: 'longs', type: 'int64', dims: [2], data: { integers: [-1, 2n ** 40n] } },
      { name: 'flags', type: 'bool', dims: [3], data: { integers: [1, 0, 1] } },
      { name: 'unsigned', type: 'uint64', dims: [1], data: { integers: [7] } },
      { name: 'texts', type: 'string', dims: [2], data: { strings: ['ä', ''] } },
      { name: 'raw', type: 'float', dims: [1], data: { raw: Buffer.from([0, 0, 128, 63]) } },
    ],
    sparseInitializers: [
      {
        values: { name: 'sparse', type: 'float', dims: [1], data: { floats: [1] } },
        indices: { type: 'int64', dims: [1], data: { integers: [3] } },
        dims: [5],
      },
    ],
    nodes: [
      {
        op: 'Everything',
        domain: 'custom',
        name: 'node',
        inputs: ['numbers', ''],
        outputs: ['out'],
        attributes: {
          float: { float: 1 },
          int: { int: -5 },
          string: { string: 'text' },
          floats: { floats: [1, 2, 3] },
          ints: { ints: [1, 2n ** 62n] },
          strings: { strings: ['a', 'b'] },
          tensor: { tensor: { type: 'int64', dims: [1], data: { external: { location: 'weights.bin' } } } },
          tensors: { tensors: [{ type: 'float', dims: [0], data: { floats: [] } }] },
          graph: { graph: { name: 'inner', inputs: [], outputs: [], nodes: [] } },
          graphs: { graphs: [{ name: 'first', inputs: [], outputs: [], nodes: [] }] },
        },
      },
    ],
  },
  functions: [
    {
      name: 'twice',
      domain: 'local',
      inputs: ['x'],
      outputs: ['y'],
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      opsets: [{ domain: '', version: 17 }],
    },
  ],
  trainingInfo: [{ algorithm: { name: 'step', inputs: [], outputs: [], nodes: [] } }],
}

describe('the ONNX reader', () => {
  it('reads all of what the writer writes, without an anomaly', () => {
    const { model, anomalies, isUnread } = readOnnx(writeOnnx(EVERYTHING))
    expect({ anomalies, isUnread }).toEqual({ anomalies: [], isUnread: false })
    expect(model).toMatchObject({
      irVersion: 9n,
      producerName: 'test',
      domain: 'example',
      modelVersion: 3n,
      opsetImports: [
        { domain: '', version: 17n },
        { domain: 'ai.onnx.ml', version: 3n },
      ],
      metadata: [{ key: 'author', value: 'nobody' }],
      functions: [{ name: 'twice', domain: 'local', nodes: [{ opType: 'Add', inputs: ['x', 'x'] }] }],
      trainingInfo: [{ initialization: undefined, algorithm: { name: 'step' } }],
    })
    expect(model.graph).toMatchObject({
      inputs: [
        { name: 'numbers', type: { kind: 'tensor', elementType: 'float', shape: ['batch', 4n] } },
        { name: 'unranked', type: { kind: 'tensor', elementType: 'int64', shape: undefined } },
      ],
      outputs: [{ name: 'out', type: { elementType: 'float16', shape: [] } }],
      initializers: [
        { name: 'floats', dims: [2n], typedCount: 2 },
        { name: 'longs', integers: [-1n, 2n ** 40n] },
        { name: 'flags', elementType: 'bool', integers: [1n, 0n, 1n] },
        { name: 'unsigned', integers: [7n] },
        { name: 'texts', strings: [Buffer.from('ä'), Buffer.alloc(0)] },
        { name: 'raw', raw: Buffer.from([0, 0, 128, 63]) },
      ],
      sparseInitializers: [{ dims: [5n], indices: { integers: [3n] } }],
    })
    expect(model.graph?.nodes[0]).toMatchObject({
      opType: 'Everything',
      domain: 'custom',
      inputs: ['numbers', ''],
      attributes: [
        { name: 'float' },
        { name: 'int', integers: [-5n] },
        { name: 'string', strings: [Buffer.from('text')] },
        { name: 'floats' },
        { name: 'ints', integers: [1n, 2n ** 62n] },
        { name: 'strings', strings: [Buffer.from('a'), Buffer.from('b')] },
        {
          name: 'tensor',
          tensors: [{ isExternal: true, externalData: [{ key: 'location', value: 'weights.bin' }] }],
        },
        { name: 'tensors', tensors: [{ dims: [0n] }] },
        { name: 'graph', graphs: [{ name: 'inner' }] },
        { name: 'graphs', graphs: [{ name: 'first' }] },
      ],
    })
  })

  it('merges a second graph into the first as protobuf does, so that it cannot hide', () => {
    const second = new WireWriter().message(
      7,
      new WireWriter().message(1, new WireWriter().text(4, 'Hidden')),
    )
    const { model, anomalies } = readOnnx(Buffer.concat([perceptronModel(), second.finish()]))
    expect(model.graph?.nodes.map((node) => node.opType)).toEqual([
      'Gemm',
      'Relu',
      'Gemm',
      'Sigmoid',
      'Hidden',
    ])
    expect(anomalies.map((anomaly) => anomaly.code)).toEqual(['repeated-field'])
  })

  it('notes a field that ONNX does not have, and one under another wire type', () => {
    const extra = new WireWriter().text(99, 'payload').text(1, 'not a version').finish()
    const { anomalies, isUnread } = readOnnx(Buffer.concat([perceptronModel(), extra]))
    expect(anomalies.map((anomaly) => anomaly.code)).toEqual(['unknown-field', 'unknown-field'])
    expect(isUnread).toBe(false)
  })

  it('calls a model unread when something else is appended', () => {
    expect(readOnnx(Buffer.concat([perceptronModel(), Buffer.from('\x7fELF\x02\x01')])).isUnread).toBe(true)
  })

  it('calls a cut model unread at every byte inside its graph', () => {
    const whole = externalDataModel()
    for (let length = 5; length < whole.length - 8; length += 3) {
      expect(readOnnx(whole.subarray(0, length)).isUnread, `cut at ${length}`).toBe(true)
    }
  })

  it('merges any number of second graphs in linear time', () => {
    const piece = Buffer.from('3a00', 'hex')
    const started = performance.now()
    readOnnx(Buffer.concat([perceptronModel(), Buffer.concat(Array.from({ length: 300_000 }, () => piece))]))
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('never throws, whatever byte of a model is changed', () => {
    const seeds = [perceptronModel(), endlessModel(), externalDataModel(), writeOnnx(EVERYTHING)]
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (seed, changes, cut) => {
          const bytes = Buffer.from(seed)
          for (const [position, value] of changes) bytes[position % bytes.length] = value
          readOnnx(bytes.subarray(0, bytes.length - (cut % 20)))
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('element types', () => {
  it('keep their number, and those that can be served have the size that the protocol says', () => {
    for (const type of IDENTITY_TYPES) {
      expect(elementTypeOf(elementTypeCode(type))).toBe(type)
      expect(datatypeOf(type)).toBeDefined()
      expect(readOnnx(identityModel(type)).model.graph?.inputs[0]?.type).toMatchObject({ elementType: type })
    }
    expect([elementTypeOf(99), bitsOf('int4'), datatypeOf('bfloat16')]).toEqual([undefined, 4, undefined])
  })
})
