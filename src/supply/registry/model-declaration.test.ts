import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { stringify as toYaml } from 'yaml'
import { SallyportError } from '../../core/index.ts'
import { type ModelDefinition, writeOnnx } from '../../formats/index.ts'
import { DatasetManifestSchema } from '../datasets/index.ts'
import { requireDeclaredInterface } from './declared-interface.ts'
import { readModelDeclaration } from './model-declaration.ts'

const minimal = {
  schemaVersion: 1,
  name: 'identity',
  description: 'Gives back what it got.',
  licence: 'Apache-2.0',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
}
const stringify = (document: unknown) => toYaml(document, { aliasDuplicateObjects: false })
const read = (document: unknown) =>
  readModelDeclaration(Buffer.from(typeof document === 'string' ? document : stringify(document)))
const invalid = (text: RegExp | string = '') =>
  expect.objectContaining({ code: 'supply.declaration-invalid', message: expect.stringMatching(text) })

describe('model.yaml', () => {
  test('is read into what the gateway enforces', () => {
    expect(read(minimal)).toEqual({ ...minimal, metrics: {} })
  })

  test('and dataset.json of the reference page are valid', () => {
    const page = readFileSync(new URL('../../../docs/reference/model-package.md', import.meta.url), 'utf8')
    const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
    const [, json] = /```json\n([\s\S]*?)```/.exec(page) ?? []
    expect(read(yaml ?? '').name).toBe('income')
    expect(DatasetManifestSchema.parse(JSON.parse(json ?? '')).name).toBe('uci-adult')
  })

  test.each([
    ['an unknown field', { ...minimal, licens: 'MIT' }, 'licens'],
    ['a name with capitals', { ...minimal, name: 'Identity' }, 'name: must be 1 to 63'],
    ['a name that leads elsewhere', { ...minimal, name: '../x' }, 'name'],
    ['no inputs', { ...minimal, inputs: [] }, 'inputs'],
    [
      'an input twice',
      { ...minimal, inputs: [...minimal.inputs, ...minimal.inputs] },
      'each name may stand once',
    ],
    ['an unknown datatype', tensor({ datatype: 'FLOAT' }), 'inputs.0.datatype'],
    ['an empty dimension', tensor({ shape: [-1, 0] }), 'inputs.0.shape'],
    ['nine dimensions', tensor({ shape: Array(9).fill(1) }), 'inputs.0.shape'],
    ['a range the wrong way round', tensor({ minimum: 2, maximum: 1 }), 'greater than the maximum'],
    ['a range of texts', tensor({ datatype: 'BYTES', minimum: 1 }), 'no meaning for BYTES'],
    ['a range without end', `${stringify(tensor({}))}metrics:\n  accuracy: .inf\n`, 'metrics.accuracy'],
    ['categories of numbers', tensor({ categories: ['1'] }), 'are for BYTES only'],
    ['a category twice', tensor({ datatype: 'BYTES', categories: ['a', 'a'] }), 'each may stand once'],
    ['a dataset without its digest', { ...minimal, dataset: { name: 'd' } }, 'dataset.manifest'],
    ['a metric that is text', { ...minimal, metrics: { accuracy: 'high' } }, 'metrics.accuracy'],
    ['a list for a document', '- 1', 'root'],
    ['nothing', '', 'root'],
  ])('with %s is refused, and the refusal names it', (_what, document, text) => {
    expect(() => read(document)).toThrow(invalid(text))
  })

  test.each([
    ['a tag', `${stringify(minimal)}framework: !!python/object:os.system {name: x}\n`],
    ['a tag of the core schema that does not fit', `${stringify(minimal)}framework: !!binary aGk=\n`],
    ['an alias', `${stringify(minimal)}framework: &f {name: x}\nmetrics: *f\n`],
    ['a bomb of aliases', `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b]\n`],
    ['a directive', `%YAML 1.1\n---\n${stringify(minimal)}`],
    ['a key twice', `${stringify(minimal)}name: other\n`],
    ['two documents', `${stringify(minimal)}---\n${stringify(minimal)}`],
    ['no YAML', 'name: [unclosed'],
    ['a nesting of brackets', `name: ${'['.repeat(100_000)}`],
    ['a nesting of lists', `name:\n ${'- '.repeat(100_000)}`],
    ['a nesting of keys', `name:\n ${'? '.repeat(100_000)}`],
    [
      'a nesting by indentation',
      Array.from({ length: 700 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    ],
    ['more bytes than the budget', `${stringify(minimal)}#${' '.repeat(256 * 1024)}`],
  ])('with %s is refused', (_what, document) => {
    const before = performance.now()
    expect(() => read(document)).toThrow(invalid())
    expect(performance.now() - before).toBeLessThan(2000)
  })

  test('of broken UTF-8 is refused', () => {
    expect(() => readModelDeclaration(Buffer.from([0x61, 0xff]))).toThrow(invalid())
  })

  test('is not quoted by its refusal', () => {
    for (const document of [tensor({ datatype: 'hunter2' }), 'password: "hunter2', 'a: !hunter2 b']) {
      expect(() => read(document)).toThrow(SallyportError)
      expect(() => read(document)).not.toThrow(/hunter2/)
    }
  })
})

describe('the declared interface', () => {
  const graph = (definition: Partial<ModelDefinition['graph']> = {}) =>
    writeOnnx({
      opsets: [{ domain: '', version: 17 }],
      graph: {
        name: 'g',
        inputs: [{ name: 'x', type: 'float', shape: ['batch', 1] }],
        outputs: [{ name: 'y', type: 'float', shape: ['batch', 1] }],
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        ...definition,
      },
    })
  const declared = (document: unknown = minimal) => read(document)
  const mismatch = (text: string) =>
    expect.objectContaining({ code: 'supply.declaration-mismatch', message: expect.stringContaining(text) })

  test('fits a graph with the same names, datatypes and dimensions', () => {
    expect(() => requireDeclaredInterface(declared(), graph())).not.toThrow()
  })

  test('may narrow a dimension that the graph leaves free, and need not name inputs that have defaults', () => {
    const weights = { name: 'w', type: 'float', dims: [1], data: { floats: [1] } } as const
    const withDefault = graph({
      inputs: [
        { name: 'x', type: 'float', shape: ['batch', 'n'] },
        { name: 'w', type: 'float', shape: [1] },
      ],
      initializers: [weights],
    })
    expect(() => requireDeclaredInterface(declared(), withDefault)).not.toThrow()
  })

  test.each([
    [
      'a name',
      { inputs: [{ name: 'z', type: 'float', shape: ['batch', 1] }] },
      "input 'x': the model has none",
    ],
    [
      'a datatype',
      { inputs: [{ name: 'x', type: 'double', shape: ['batch', 1] }] },
      'declared FP32, the model has FP64',
    ],
    [
      'an element type that cannot be served',
      { inputs: [{ name: 'x', type: 'complex64', shape: ['batch', 1] }] },
      'cannot be served',
    ],
    [
      'the number of dimensions',
      { inputs: [{ name: 'x', type: 'float', shape: ['batch'] }] },
      'declared 2 dimensions, the model has 1',
    ],
    [
      'a fixed dimension',
      { inputs: [{ name: 'x', type: 'float', shape: ['batch', 2] }] },
      'dimension 1 is declared 1, the model has 2',
    ],
    [
      'a batch that is fixed',
      { outputs: [{ name: 'y', type: 'float', shape: [4, 1] }] },
      "output 'y': dimension 0 is declared -1, the model has 4",
    ],
    [
      'an input more',
      { inputs: [...graphInputs(), { name: 'q', type: 'float', shape: [1] }] },
      "1 of the model's inputs are not declared",
    ],
    ['an input twice', { inputs: [...graphInputs(), ...graphInputs()] }, 'same name'],
  ] as const)('does not fit a graph that differs in %s', (_what, definition, text) => {
    expect(() => requireDeclaredInterface(declared(), graph(definition))).toThrow(mismatch(text))
  })
})

function graphInputs() {
  return [{ name: 'x', type: 'float', shape: ['batch', 1] }] as const
}

function tensor(change: Record<string, unknown>) {
  return { ...minimal, inputs: [{ ...minimal.inputs[0], ...change }] }
}
