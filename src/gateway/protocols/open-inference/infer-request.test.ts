import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../../core/index.ts'
import { DEFAULT_LIMITS } from '../../limits.ts'
import { parseInferRequest } from './infer-request.ts'

function parse(body: unknown, binary?: Buffer) {
  const json = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  if (binary === undefined) return parseInferRequest(json, undefined, DEFAULT_LIMITS)
  return parseInferRequest(Buffer.concat([json, binary]), json.length, DEFAULT_LIMITS)
}

const tensor = (datatype: string, shape: unknown, data: unknown, rest: object = {}) => ({
  inputs: [{ name: 'x', datatype, shape, data, ...rest }],
})

/** The tensor `x` of a request that has only that. */
function read(datatype: string, shape: unknown, data: unknown): Tensor {
  const [first] = parse(tensor(datatype, shape, data)).inputs
  if (first === undefined) throw new Error('no input')
  return first
}

function refusalOf(act: () => unknown): { code: string; message: string; input?: string } {
  try {
    act()
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'Refusal', kind: 'invalid', status: 400 })
    return thrown as { code: string; message: string }
  }
  throw new Error('it was not refused')
}

describe('a JSON tensor', () => {
  test('is read flat or nested as its shape, with the same result', () => {
    const flat = read('FP32', [2, 3], [1, 2, 3, 4, 5, 6])
    const nested = read(
      'FP32',
      [2, 3],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    )
    expect(flat.data).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6))
    expect(nested).toEqual(flat)
  })

  test.each([
    ['BOOL', [true, false], Uint8Array.of(1, 0)],
    ['UINT8', [0, 255], Uint8Array.of(0, 255)],
    ['UINT16', [0, 65535], Uint16Array.of(0, 65535)],
    ['UINT32', [0, 4294967295], Uint32Array.of(0, 4294967295)],
    ['INT8', [-128, 127], Int8Array.of(-128, 127)],
    ['INT16', [-32768, 32767], Int16Array.of(-32768, 32767)],
    ['INT32', [-2147483648, 2147483647], Int32Array.of(-2147483648, 2147483647)],
    ['FP16', [1, -65504], Uint16Array.of(0x3c00, 0xfbff)],
    ['FP32', [0.5, -2], Float32Array.of(0.5, -2)],
    ['FP64', [0.1, 1e300], Float64Array.of(0.1, 1e300)],
    ['BYTES', ['Never-married', 'é🙂'], ['Never-married', 'é🙂']],
  ])('of %s takes the whole range of the datatype', (datatype, data, expected) => {
    expect(read(datatype, [2], data).data).toEqual(expected)
  })

  test('of INT64 and UINT64 is exact beyond 2^53', () => {
    const signed =
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[3],"data":[9223372036854775807,-9223372036854775808,7]}]}'
    expect(parse(signed).inputs[0]?.data).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 7n))
    const unsigned =
      '{"inputs":[{"name":"x","datatype":"UINT64","shape":[2],"data":[18446744073709551615,9007199254740993]}]}'
    expect(parse(unsigned).inputs[0]?.data).toEqual(BigUint64Array.of(2n ** 64n - 1n, 9007199254740993n))
  })

  test('of a floating-point datatype beside one with exact integers keeps its numbers', () => {
    const both = parse(
      '{"inputs":[{"name":"a","datatype":"FP64","shape":[1],"data":[9007199254740993]},' +
        '{"name":"b","datatype":"INT64","shape":[1],"data":[9007199254740993]}]}',
    )
    expect(both.inputs.map((input) => input.data)).toEqual([
      Float64Array.of(9007199254740992),
      BigInt64Array.of(9007199254740993n),
    ])
  })

  test.each([
    ['INT64', '9223372036854775808', 'range'],
    ['INT64', '-9223372036854775809', 'range'],
    ['INT64', '1e30', 'integer'],
    ['UINT64', '-1', 'range'],
    ['UINT64', '18446744073709551616', 'range'],
    ['INT64', `1${'0'.repeat(400)}`, 'integer'],
    ['INT64', '1.5', 'integer'],
    ['INT32', '2147483648', 'range'],
    ['INT32', '9007199254740993', 'range'],
    ['UINT8', '256', 'range'],
    ['UINT8', '-1', 'range'],
    ['INT8', '0.5', 'integer'],
    ['INT8', 'true', 'integer'],
    ['INT8', '"1"', 'integer'],
    ['FP16', '65520', 'range'],
    ['FP32', '1e39', 'range'],
    ['FP64', '1e400', 'range'],
    ['FP32', 'null', 'number'],
    ['FP32', '{}', 'number'],
    ['BOOL', '1', 'boolean'],
    ['BYTES', '7', 'string'],
    ['BYTES', '"\\ud800"', 'Unicode'],
  ])('of %s refuses the element %s', (datatype, element, word) => {
    const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[2],"data":[${datatype === 'BYTES' ? '"a"' : datatype === 'BOOL' ? 'true' : '1'},${element}]}]}`
    const { code, message, input } = refusalOf(() => parse(body))
    expect(code).toBe('gateway.invalid-tensor')
    expect(input).toBe('x')
    expect(message).toContain("input 'x' element 1 is")
    expect(message).toContain(word)
  })

  test.each([
    ['too few elements', [2], [1]],
    ['too many elements', [2], [1, 2, 3]],
    ['rows of different length', [2, 2], [[1, 2], [3]]],
    [
      'another depth',
      [2, 2],
      [
        [[1], [2]],
        [[3], [4]],
      ],
    ],
    ['a row among elements', [2], [1, [2]]],
    ['an element among rows', [2, 1], [[1], 2]],
    ['data that is a number', [1], 1],
    ['no data', [1], undefined],
    ['no shape', undefined, [1]],
    ['a negative size', [-1], [1]],
    ['a fractional size', [1.5], [1]],
    ['a shape of strings', ['1'], [1]],
    ['a shape beyond every array', [2 ** 31], [1]],
    ['a shape whose product overflows', [2 ** 30, 2 ** 30, 2 ** 30], [1]],
    ['more dimensions than any model has', Array.from({ length: 17 }, () => 1), [1]],
  ])('with %s is refused, naming the input', (_what, shape, data) => {
    expect(refusalOf(() => read('FP32', shape, data)).message).toContain("input 'x'")
  })

  test('with an unknown datatype is refused', () => {
    expect(refusalOf(() => read('FLOAT', [1], [1])).message).toContain("no known 'datatype'")
    expect(refusalOf(() => read('__proto__', [1], [1])).message).toContain("no known 'datatype'")
  })

  test('given twice is refused', () => {
    const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] }
    expect(refusalOf(() => parse({ inputs: [x, x] })).message).toBe("input 'x' is given twice")
  })

  test('whose name is a text is refused without repeating it', () => {
    const secret = 'my password is hunter2'
    const { message } = refusalOf(() => parse({ inputs: [{ name: secret, datatype: 'FP32', shape: [1] }] }))
    expect(message).not.toContain(secret)
  })
})

describe('a binary tensor', () => {
  const binary = (name: string, datatype: string, shape: number[], size: unknown) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: size },
  })

  test('is read in the order of the inputs, beside JSON ones', () => {
    const bytes = Buffer.alloc(8 + 4)
    bytes.writeDoubleLE(0.5, 0)
    bytes.writeFloatLE(-3, 8)
    const { inputs } = parse(
      {
        inputs: [
          binary('a', 'FP64', [1], 8),
          { name: 'b', datatype: 'INT8', shape: [1], data: [5] },
          binary('c', 'FP32', [1, 1], 4),
        ],
      },
      bytes,
    )
    expect(inputs.map((input) => input.data)).toEqual([
      Float64Array.of(0.5),
      Int8Array.of(5),
      Float32Array.of(-3),
    ])
  })

  test('of BYTES has a 4-byte length before each element', () => {
    const bytes = Buffer.from('\x02\0\0\0hi\0\0\0\0\x04\0\0\0', 'latin1')
    const { inputs } = parse(
      { inputs: [binary('x', 'BYTES', [3], 18)] },
      Buffer.concat([bytes, Buffer.from('🙂')]),
    )
    expect(inputs[0]?.data).toEqual(['hi', '', '🙂'])
  })

  test('shares no memory with the body', () => {
    const bytes = Buffer.from([1, 2])
    const json = Buffer.from(JSON.stringify({ inputs: [binary('x', 'UINT8', [2], 2)] }))
    const body = Buffer.concat([json, bytes])
    const { inputs } = parseInferRequest(body, json.length, DEFAULT_LIMITS)
    body.fill(0)
    expect(inputs[0]?.data).toEqual(Uint8Array.of(1, 2))
  })

  test.each([
    ['shorter than its shape', [binary('x', 'FP32', [2], 4)], 4, "input 'x' has 4 bytes"],
    ['longer than the body', [binary('x', 'UINT8', [8], 8)], 4, 'more than the body holds'],
    ['of a size that is text', [binary('x', 'UINT8', [4], '4')], 4, 'not a count'],
    ['of a negative size', [binary('x', 'UINT8', [4], -4)], 4, 'not a count'],
    ['of a size beyond 2^53', [binary('x', 'UINT8', [4], 1e300)], 4, 'not a count'],
    ['with data as well', [{ ...binary('x', 'UINT8', [4], 4), data: [1, 2, 3, 4] }], 4, 'both'],
    ['of BYTES whose lengths run over', [binary('x', 'BYTES', [1], 4)], 4, 'lengths'],
    ['of BYTES with fewer elements than its shape', [binary('x', 'BYTES', [9], 4)], 4, 'lengths'],
    ['of BOOL with a 9', [binary('x', 'BOOL', [4], 4)], 4, 'not a boolean'],
  ])('%s is refused', (_what, inputs, length, words) => {
    expect(refusalOf(() => parse({ inputs }, Buffer.alloc(length, 9))).message).toContain(words)
  })

  test('of BYTES that is not UTF-8 is refused', () => {
    const bytes = Buffer.from([1, 0, 0, 0, 0xff])
    expect(refusalOf(() => parse({ inputs: [binary('x', 'BYTES', [1], 5)] }, bytes)).message).toContain(
      'UTF-8',
    )
  })

  test('needs the header that says where the JSON ends', () => {
    const refusal = refusalOf(() => parse({ inputs: [binary('x', 'UINT8', [1], 1)] }))
    expect(refusal.message).toContain('Inference-Header-Content-Length is missing')
  })

  test('leaves no byte of the body unread', () => {
    const refusal = refusalOf(() => parse({ inputs: [binary('x', 'UINT8', [1], 1)] }, Buffer.alloc(2)))
    expect(refusal.message).toContain('longer than')
  })

  test('cannot begin after the end of the body', () => {
    expect(refusalOf(() => parseInferRequest(Buffer.from('{}'), 3, DEFAULT_LIMITS)).code).toBe(
      'gateway.invalid-request',
    )
  })
})

describe('a request', () => {
  test('says which outputs it wants, and in which form', () => {
    const request = parse({
      id: 'abc',
      inputs: [],
      parameters: { binary_data_output: true, priority: 3 },
      outputs: [{ name: 'p' }, { name: 'q', parameters: { binary_data: false } }],
    })
    expect(request).toEqual({
      id: 'abc',
      inputs: [],
      isBinaryByDefault: true,
      outputs: [
        { name: 'p', isBinary: true },
        { name: 'q', isBinary: false },
      ],
    })
  })

  test('may hold fields that the protocol does not know', () => {
    expect(parse({ inputs: [], trace: { a: [{ b: 1 }] } }).inputs).toEqual([])
    expect(parse(tensor('FP32', [1], [1], { note: { n: 1 } })).inputs).toHaveLength(1)
  })

  test.each([
    ['at the top', '{"inputs":[],"inputs":[]}'],
    ['in a tensor', '{"inputs":[{"name":"x","name":"x","datatype":"FP32","shape":[1],"data":[1]}]}'],
    ['spelled with an escape', '{"inputs":[],"\\u0069nputs":[]}'],
    ['in parameters', '{"inputs":[],"parameters":{"a":1,"a":2}}'],
    ['in an unknown field', '{"inputs":[],"trace":[{"a":{"b":1,"b":1}}]}'],
    ['as __proto__', '{"inputs":[],"__proto__":1,"__proto__":2}'],
  ])('with a name twice %s is refused', (_where, body) => {
    expect(refusalOf(() => parse(body)).code).toBe('gateway.duplicate-name')
  })

  test('with colons, brackets and quotes inside of strings is read as it is', () => {
    const text = '{"a":"\\\\"}:[[{{\\'
    expect(read('BYTES', [1], [text]).data).toEqual([text])
  })

  test.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half a JSON', '{"inputs":['],
    ['JSON and more', '{"inputs":[]} x'],
    ['NaN', '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[NaN]}]}'],
  ])('that is %s is refused', (_what, body) => {
    expect(refusalOf(() => parse(body)).code).toBe('gateway.invalid-json')
  })

  test.each([
    ['an array', []],
    ['null', null],
    ['without inputs', {}],
    ['with inputs that are an object', { inputs: {} }],
    ['with an input that is a number', { inputs: [1] }],
    ['with a nameless input', { inputs: [{ datatype: 'FP32', shape: [1], data: [1] }] }],
    ['with outputs that are an object', { inputs: [], outputs: {} }],
    ['with an output that is a text', { inputs: [], outputs: ['p'] }],
    ['with an output twice', { inputs: [], outputs: [{ name: 'p' }, { name: 'p' }] }],
    ['with an id that is a number', { inputs: [], id: 7 }],
    ['with parameters that are an array', { inputs: [], parameters: [] }],
    ['with a binary_data_output that is a text', { inputs: [], parameters: { binary_data_output: 'yes' } }],
    ['with more inputs than any model has', { inputs: Array.from({ length: 1025 }, () => ({})) }],
  ])('%s is refused', (_what, body) => {
    expect(refusalOf(() => parse(body)).code).toBe('gateway.invalid-request')
  })

  test('that nests too deep is refused before it is parsed', () => {
    const deep = '['.repeat(100_000)
    expect(refusalOf(() => parse(deep)).code).toBe('gateway.json-budget')
  })

  test('of very many containers is refused before they are made', () => {
    const many = `[${'[],'.repeat(300_000)}[]]`
    expect(refusalOf(() => parse(many)).code).toBe('gateway.json-budget')
  })

  test('that is not UTF-8 is refused', () => {
    const body = Buffer.from('{"inputs":[],"id":"\xff"}', 'latin1')
    expect(refusalOf(() => parseInferRequest(body, undefined, DEFAULT_LIMITS)).code).toBe(
      'gateway.invalid-utf8',
    )
  })
})
