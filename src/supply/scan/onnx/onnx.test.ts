import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  endlessModel,
  externalDataModel,
  IDENTITY_TYPES,
  identityModel,
  memoryBombModel,
  perceptronModel,
} from '../../../../test/support/models.ts'
import {
  type FunctionDefinition,
  type GraphDefinition,
  type ModelDefinition,
  type NodeDefinition,
  type TensorDefinition,
  WireWriter,
  writeOnnx,
} from '../../../formats/index.ts'
import { ONNX_READER } from './index.ts'

const OPSETS = [{ domain: '', version: 17 }]
const VALUE = { type: 'float', shape: [1] } as const

function graph(nodes: readonly NodeDefinition[], more: Partial<GraphDefinition> = {}): GraphDefinition {
  return { name: 'g', inputs: [{ name: 'x', ...VALUE }], outputs: [{ name: 'y', ...VALUE }], nodes, ...more }
}

function model(nodes: readonly NodeDefinition[], more: Partial<GraphDefinition> = {}): Buffer {
  return writeOnnx({ opsets: OPSETS, graph: graph(nodes, more) })
}

function withModel(more: Partial<ModelDefinition>, nodes: readonly NodeDefinition[] = [IDENTITY]): Buffer {
  return writeOnnx({ opsets: OPSETS, graph: graph(nodes), ...more })
}

function rules(bytes: Uint8Array): string[] {
  return [...new Set(ONNX_READER.check(bytes, 'model.onnx').map((finding) => finding.rule))].sort()
}

const IDENTITY: NodeDefinition = { op: 'Identity', inputs: ['x'], outputs: ['y'] }
const external = (location: string, more: Record<string, string> = {}): TensorDefinition => ({
  name: 'w',
  type: 'float',
  dims: [1],
  data: { external: { location, ...more } },
})
const ESCAPE = external('../secret')
const integers = (name: string, ...values: (number | bigint)[]): TensorDefinition => ({
  name,
  type: 'int64',
  dims: [values.length],
  data: { integers: values },
})
const constant = (tensor: TensorDefinition): NodeDefinition => ({
  op: 'Constant',
  inputs: [],
  outputs: ['c'],
  attributes: { value: { tensor } },
})

describe('the ONNX check', () => {
  it('blames no ordinary model', () => {
    const income = readFileSync(new URL('../../../../examples/income/model/model.onnx', import.meta.url))
    for (const bytes of [income, perceptronModel(), ...IDENTITY_TYPES.map((type) => identityModel(type))]) {
      expect(ONNX_READER.recognises(bytes)).toBe(true)
      expect(ONNX_READER.check(bytes, 'x')).toEqual([])
    }
  })

  it.each([
    ['an initializer', model([IDENTITY], { initializers: [ESCAPE] })],
    [
      'a sparse initializer',
      model([IDENTITY], { sparseInitializers: [{ values: ESCAPE, indices: integers('', 0), dims: [1] }] }),
    ],
    ['an attribute', model([constant(ESCAPE)])],
    ['a list in an attribute', model([{ ...IDENTITY, attributes: { a: { tensors: [ESCAPE] } } }])],
    [
      'a sparse attribute',
      model([
        {
          ...IDENTITY,
          attributes: { a: { sparseTensor: { values: integers('', 1), indices: ESCAPE, dims: [1] } } },
        },
      ]),
    ],
    ['a subgraph', model([{ ...IDENTITY, attributes: { body: { graph: graph([constant(ESCAPE)]) } } }])],
    [
      'the second of several subgraphs',
      model([
        { ...IDENTITY, attributes: { a: { graphs: [graph([]), graph([], { initializers: [ESCAPE] })] } } },
      ]),
    ],
    ['a function', withModel({ functions: [call('f', [constant(ESCAPE)])] })],
    [
      'the training information',
      withModel({ trainingInfo: [{ initialization: graph([constant(ESCAPE)]) }] }),
    ],
  ])('sees external data in %s', (_where, bytes) => {
    expect(rules(bytes)).toEqual(['onnx.external-data', 'onnx.external-data-escape'])
  })

  it.each([
    '../up',
    'a/../../up',
    '/etc/passwd',
    'C:\\secret',
    'C:/secret',
    '\\\\server\\share',
    '..\\up',
    'file:///etc/passwd',
    'https://example.com/w',
    '~/.ssh/id_rsa',
    'a\0b',
    '',
    '$HOME/x',
    '%2e%2e/x',
    '*/_ORT_MEM_ADDR_/*',
  ])('calls the external location %j an escape', (location) => {
    expect(rules(externalDataModel(location))).toContain('onnx.external-data-escape')
  })

  it('calls external data inside the folder no escape, and two locations one', () => {
    expect(rules(externalDataModel('weights/layer..1.bin'))).toEqual(['onnx.external-data'])
    const two = new WireWriter().packedIntegers(1, [1]).integer(2, 1).integer(14, 1)
    for (const name of ['a.bin', 'b.bin']) two.message(13, new WireWriter().text(1, 'location').text(2, name))
    const bytes = Buffer.concat([
      model([IDENTITY]),
      new WireWriter().message(7, new WireWriter().message(5, two)).finish(),
    ])
    expect(rules(bytes)).toContain('onnx.external-data-escape')
  })

  it('sees external data that a tensor has beside values of its own, and in the default of a function', () => {
    const location = new WireWriter().text(1, 'location').text(2, '/etc/passwd')
    const tensor = new WireWriter()
      .packedIntegers(1, [1])
      .integer(2, 1)
      .packedFloats(4, [1])
      .message(13, location)
    const initializer = new WireWriter().message(7, new WireWriter().message(5, tensor)).finish()
    expect(rules(Buffer.concat([model([IDENTITY]), initializer]))).toContain('onnx.external-data-escape')
    const attribute = new WireWriter().text(1, 'a').message(5, tensor)
    const definition = new WireWriter().text(1, 'f').text(10, 'local').message(11, attribute)
    const withDefault = new WireWriter().message(25, definition).finish()
    expect(rules(Buffer.concat([model([IDENTITY]), withDefault]))).toContain('onnx.external-data-escape')
  })

  it.each([{ offset: '-1' }, { length: '99999999999999999999' }, { offset: '1e3' }])(
    'refuses external data at %j',
    (range) => {
      expect(rules(model([IDENTITY], { initializers: [external('w.bin', range)] }))).toEqual([
        'onnx.external-data',
        'onnx.external-data-range',
      ])
    },
  )

  it('refuses operators that need a native extension, that do not exist, and that run code', () => {
    const node = (domain: string, op: string): string[] => rules(model([{ ...IDENTITY, op, domain }]))
    expect(node('ai.onnx.contrib', 'BertTokenizer')).toEqual(['onnx.custom-domain'])
    expect(node('', 'Backdoor')).toEqual(['onnx.unknown-operator'])
    expect(node('com.microsoft', 'EPContext')).toEqual(['onnx.code-operator'])
    expect(node('com.microsoft', 'PythonOp')).toEqual(['onnx.code-operator'])
    expect(node('ai.onnx', 'Relu')).toEqual([])
    expect(node('com.microsoft', 'FusedGemm')).toEqual([])
  })

  it('sees a hidden operator inside the body of a loop', () => {
    const body = graph([{ ...IDENTITY, domain: 'evil' }])
    expect(rules(model([{ ...IDENTITY, op: 'If', attributes: { then_branch: { graph: body } } }]))).toEqual([
      'onnx.custom-domain',
    ])
  })

  it('takes a local function for what it is made of, unless it takes the name of an operator', () => {
    const node = { ...IDENTITY, op: 'f', domain: 'local' }
    expect(rules(withModel({ functions: [call('f', [IDENTITY])] }, [node]))).toEqual([])
    expect(rules(withModel({ functions: [{ ...call('Relu', [IDENTITY]), domain: '' }] }))).toEqual([
      'onnx.function-shadow',
    ])
    expect(rules(withModel({ functions: [{ ...call('New', [IDENTITY]), domain: 'ai.onnx' }] }))).toEqual([
      'onnx.function-shadow',
    ])
  })

  it('finds functions that call themselves and functions that multiply', () => {
    const calls = (name: string, count = 1): NodeDefinition[] =>
      Array.from({ length: count }, () => ({ ...IDENTITY, op: name, domain: 'local' }))
    const ring = [call('f', calls('g')), call('g', calls('f'))]
    expect(rules(withModel({ functions: ring }))).toEqual(['onnx.function-recursion'])
    const tower = Array.from({ length: 10 }, (_, level) =>
      call(`f${level}`, level === 0 ? [IDENTITY] : calls(`f${level - 1}`, 10)),
    )
    expect(rules(withModel({ functions: tower }))).toEqual(['onnx.resource-bomb'])
  })

  it.each([
    ['ConstantOfShape', memoryBombModel()],
    [
      'a constant shape made by a node',
      model([constant(integers('', 2 ** 20, 2 ** 20)), node('Expand', ['x', 'c'])]),
    ],
    ['Tile', model([node('Tile', ['x', 'n'])], { initializers: [integers('n', 2 ** 30)] })],
    [
      'a tower of Tile',
      model([node('Tile', ['x', 'n'], 'a'), node('Tile', ['a', 'n'], 'b'), node('Tile', ['b', 'n'])], {
        initializers: [integers('n', 2 ** 10)],
      }),
    ],
    [
      'a tower of Concat',
      model([
        constant({ type: 'float', dims: [1024], data: { floats: new Array<number>(1024).fill(0) } }),
        ...Array.from({ length: 20 }, (_, level) => {
          const from = level === 0 ? 'c' : `v${level - 1}`
          return {
            op: 'Concat',
            inputs: [from, from],
            outputs: [`v${level}`],
            attributes: { axis: { int: 0 } },
          }
        }),
      ]),
    ],
    [
      'Range',
      model([node('Range', ['a', 'b', 'd'])], {
        initializers: [integers('a', 0), integers('b', 2n ** 40n), integers('d', 1)],
      }),
    ],
    [
      'RandomNormal',
      model([{ ...node('RandomNormal', []), attributes: { shape: { ints: [2 ** 20, 2 ** 20] } } }]),
    ],
    ['Pad', model([node('Pad', ['x', 'p'])], { initializers: [integers('p', 0, 2 ** 40)] })],
    [
      'a sparse initializer',
      model([IDENTITY], {
        sparseInitializers: [
          {
            values: { name: 's', type: 'float', dims: [1], data: { floats: [1] } },
            indices: integers('', 0),
            dims: [2 ** 20, 2 ** 20],
          },
        ],
      }),
    ],
    ['an endless loop', endlessModel()],
  ])('finds the bomb in %s', (_what, bytes) => {
    expect(rules(bytes)).toEqual(['onnx.resource-bomb'])
  })

  it('blames no loop that its condition can end, and no modest size', () => {
    const body = graph([node('Less', ['v', 'v'], 'go-on'), node('Identity', ['v'], 'v-out')], {
      inputs: [
        { name: 'i', type: 'int64', shape: [] },
        { name: 'go', type: 'bool', shape: [] },
        { name: 'v', ...VALUE },
      ],
      outputs: [
        { name: 'go-on', type: 'bool', shape: [] },
        { name: 'v-out', ...VALUE },
      ],
    })
    const loop = { ...node('Loop', ['n', '', 'x']), attributes: { body: { graph: body } } }
    expect(rules(model([loop], { initializers: [integers('n', 2n ** 62n)] }))).toEqual([])
    expect(rules(memoryBombModel(4096n))).toEqual([])
  })

  it.each<[string, TensorDefinition]>([
    ['too few raw bytes', { type: 'float', dims: [1000], data: { raw: Buffer.alloc(8) } }],
    ['surplus raw bytes', { type: 'float', dims: [1], data: { raw: Buffer.alloc(4096) } }],
    ['too few values', { type: 'int64', dims: [3], data: { integers: [1] } }],
    ['a negative dimension', { type: 'float', dims: [-1], data: { floats: [1] } }],
    ['dimensions whose product overflows', { type: 'float', dims: [2n ** 62n, 4], data: { floats: [] } }],
    ['too few strings', { type: 'string', dims: [2], data: { strings: ['a'] } }],
  ])('finds a tensor with %s', (_what, tensor) => {
    expect(rules(model([IDENTITY], { initializers: [{ ...tensor, name: 'w' }] }))).toEqual([
      'onnx.tensor-mismatch',
    ])
  })

  it('finds payloads in metadata, attributes and tensors', () => {
    expect(rules(withModel({ metadata: { ort_config: '{}' } }))).toEqual(['onnx.suspicious-metadata'])
    expect(rules(withModel({ metadata: { note: "__import__('os').system('id')" } }))).toEqual([
      'onnx.suspicious-metadata',
    ])
    expect(rules(withModel({ metadata: { blob: 'gASVIQAAAAAAAACMBXBvc2l4lIwGc3lzdGVt' } }))).toEqual([
      'onnx.suspicious-metadata',
    ])
    expect(rules(withModel({ metadata: { author: 'me', names: "{0: 'cat', 1: 'dog'}" } }))).toEqual([])
    const elf = Buffer.from('\x7fELF\x02\x01\x01\0', 'latin1')
    expect(rules(model([{ ...IDENTITY, attributes: { a: { string: elf } } }]))).toEqual([
      'onnx.embedded-file',
    ])
    const tensor: TensorDefinition = { name: 'w', type: 'uint8', dims: [8], data: { raw: elf } }
    expect(rules(model([IDENTITY], { initializers: [tensor] }))).toEqual(['onnx.embedded-file'])
  })

  it('finds what stands twice, what has no place, and what follows the model', () => {
    const twice = [integers('w', 1), integers('w', 2)]
    expect(rules(model([IDENTITY], { initializers: twice }))).toEqual(['onnx.ambiguous-structure'])
    expect(rules(model([IDENTITY, IDENTITY]))).toEqual(['onnx.ambiguous-structure'])
    expect(rules(Buffer.concat([model([IDENTITY]), model([IDENTITY])]))).toContain('onnx.ambiguous-structure')
    const extra = new WireWriter().text(1000, 'payload').finish()
    expect(rules(Buffer.concat([model([IDENTITY]), extra]))).toEqual(['onnx.unknown-field'])
    expect(rules(Buffer.concat([model([IDENTITY]), Buffer.from('trailing')]))).toContain('onnx.unread')
  })

  it('measures a tower of a hundred thousand operators in time that grows with its height', () => {
    const tower = Array.from({ length: 100_000 }, (_, level) =>
      node('Tile', [level === 0 ? 'x' : `v${level - 1}`, 'n'], `v${level}`),
    )
    const bytes = model(tower, { initializers: [integers('n', 2n ** 62n, 2n ** 62n)] })
    const started = performance.now()
    expect(rules(bytes)).toEqual(['onnx.resource-bomb'])
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('reports a rule that is broken a million times a few times', () => {
    const bytes = model(Array.from({ length: 5000 }, (_, index) => ({ ...node('Evil', ['x'], `v${index}`) })))
    expect(ONNX_READER.check(bytes, 'x').length).toBe(20)
  })

  it('neither throws nor stalls, whatever byte of a hostile model is changed', () => {
    const seeds = [endlessModel(), memoryBombModel(), externalDataModel(), perceptronModel()]
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (seed, changes) => {
          const bytes = Buffer.from(seed)
          for (const [position, value] of changes) bytes[position % bytes.length] = value
          const started = performance.now()
          if (ONNX_READER.recognises(bytes)) ONNX_READER.check(bytes, 'x')
          expect(performance.now() - started).toBeLessThan(2000)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

function call(name: string, nodes: readonly NodeDefinition[]): FunctionDefinition {
  return { name, domain: 'local', inputs: ['x'], outputs: ['y'], nodes, opsets: OPSETS }
}

function node(op: string, inputs: readonly string[], output = 'y'): NodeDefinition {
  return { op, inputs, outputs: [output] }
}
