import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DATATYPES,
  type Datatype,
  type ModelSchema,
  type Tensor,
  type TensorData,
} from '../../../core/index.ts'
import { DEFAULT_LIMITS } from '../../limits.ts'
import { type ProtocolAnswer, writeInferAnswer } from './infer-answer.ts'
import { parseInferRequest } from './infer-request.ts'

/** Finite values of each datatype; -0 is left out because JSON's text of it is 0. */
const ELEMENTS: Readonly<Record<Datatype, fc.Arbitrary<(count: number) => TensorData>>> = {
  BOOL: filled(fc.boolean(), (all) => Uint8Array.from(all, Number)),
  UINT8: filled(fc.nat(0xff), (all) => Uint8Array.from(all)),
  UINT16: filled(fc.nat(0xffff), (all) => Uint16Array.from(all)),
  UINT32: filled(fc.nat(0xffff_ffff), (all) => Uint32Array.from(all)),
  UINT64: filled(fc.bigInt(0n, 2n ** 64n - 1n), (all) => BigUint64Array.from(all)),
  INT8: filled(fc.integer({ min: -0x80, max: 0x7f }), (all) => Int8Array.from(all)),
  INT16: filled(fc.integer({ min: -0x8000, max: 0x7fff }), (all) => Int16Array.from(all)),
  INT32: filled(fc.integer(), (all) => Int32Array.from(all)),
  INT64: filled(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (all) => BigInt64Array.from(all)),
  FP16: filled(finite(-65504, 65504), (all) => new Uint16Array(Float16Array.from(all).buffer)),
  FP32: filled(finite(-3e38, 3e38), (all) => Float32Array.from(all)),
  FP64: filled(finite(-1e308, 1e308), (all) => Float64Array.from(all)),
  BYTES: filled(fc.string({ unit: 'binary' }), (all) => all),
}

function finite(min: number, max: number): fc.Arbitrary<number> {
  return fc.double({ min, max, noNaN: true }).map((value) => (Math.abs(value) < 1e-7 ? 0 : value))
}

function filled<Element>(
  element: fc.Arbitrary<Element>,
  build: (all: Element[]) => TensorData,
): fc.Arbitrary<(count: number) => TensorData> {
  return fc.infiniteStream(element).map((stream) => (count: number) => build(Array.from(stream.take(count))))
}

const tensors = fc
  .array(
    fc
      .constantFrom(...DATATYPES)
      .chain((datatype) =>
        fc.record({
          datatype: fc.constant(datatype),
          shape: fc.array(fc.nat(4), { maxLength: 3 }),
          fill: ELEMENTS[datatype],
        }),
      )
      .map(({ datatype, shape, fill }) => ({
        datatype,
        shape,
        data: fill(shape.reduce((count, size) => count * size, 1)),
      })),
    { minLength: 1, maxLength: 5 },
  )
  .map((all): Tensor[] => all.map((tensor, index) => ({ name: `t${index}`, ...tensor })))

const schemaOf = (all: readonly Tensor[]): ModelSchema => ({
  inputs: [],
  outputs: all.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
})

/** What an answer says, as a request would say it: the two have the same form. */
function reread(answer: ProtocolAnswer): readonly Tensor[] {
  const lengthAt = answer.headers.indexOf('inference-header-content-length')
  const length = lengthAt === -1 ? undefined : Number(answer.headers[lengthAt + 1])
  const body = Buffer.from(answer.body)
  const json = body.subarray(0, length).toString().replace('"outputs":', '"inputs":')
  const shift = json.length - body.subarray(0, length).toString().length
  const request = Buffer.concat([
    Buffer.from(json),
    length === undefined ? Buffer.alloc(0) : body.subarray(length),
  ])
  return parseInferRequest(request, length === undefined ? undefined : length + shift, DEFAULT_LIMITS).inputs
}

function write(all: readonly Tensor[], isBinary: boolean): ProtocolAnswer {
  const request = { id: undefined, inputs: [], outputs: undefined, isBinaryByDefault: isBinary }
  return writeInferAnswer('{"model_name":"m","model_version":"1"', request, schemaOf(all), all)
}

describe('tensors of every datatype and shape', () => {
  test('come back the same through JSON', () => {
    const property = fc.property(tensors, (all) => {
      expect(reread(write(all, false))).toEqual(all)
    })
    fc.assert(property)
  })

  test('come back the same through binary', () => {
    const property = fc.property(tensors, (all) => {
      expect(reread(write(all, true))).toEqual(all)
    })
    fc.assert(property)
  })
})

describe('an answer', () => {
  const one = (data: Float32Array): Tensor => ({ name: 'p', datatype: 'FP32', shape: [data.length], data })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'with %s is refused as JSON and given as binary',
    (value) => {
      expect(() => write([one(Float32Array.of(1, value))], false)).toThrow(/'p' holds NaN or an infinity/)
      expect(write([one(Float32Array.of(1, value))], true).body).toBeInstanceOf(Uint8Array)
    },
  )

  test('holds the outputs that the model declares, in its order, and no other', () => {
    const request = { id: 'a"b', inputs: [], outputs: undefined, isBinaryByDefault: false }
    const schema = { inputs: [], outputs: [{ name: 'p', datatype: 'FP32' as const, shape: [1] }] }
    const hidden: Tensor = { name: 'hidden', datatype: 'FP32', shape: [1], data: Float32Array.of(7) }
    const { body } = writeInferAnswer('{"model_name":"m"', request, schema, [
      hidden,
      one(Float32Array.of(0.5)),
    ])
    expect(JSON.parse(String(body))).toEqual({
      model_name: 'm',
      id: 'a"b',
      outputs: [{ name: 'p', datatype: 'FP32', shape: [1], data: [0.5] }],
    })
  })

  test('without a declared output is a failure of the model', () => {
    const schema = { inputs: [], outputs: [{ name: 'q', datatype: 'FP32' as const, shape: [1] }] }
    const request = { id: undefined, inputs: [], outputs: undefined, isBinaryByDefault: false }
    expect(() => writeInferAnswer('{', request, schema, [one(Float32Array.of(1))])).toThrow(/did not give/)
  })
})
