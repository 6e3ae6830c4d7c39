import { describe, expect, test } from 'vitest'
import type { Exchange, ModelSchema, Tensor, TensorSchema } from '../../core/index.ts'
import { inputSchema } from './input-schema.ts'

const AGE: TensorSchema = { name: 'age', datatype: 'FP32', shape: [-1, 1], minimum: 17, maximum: 90 }
const SECTOR: TensorSchema = {
  name: 'sector',
  datatype: 'BYTES',
  shape: [-1, 1],
  categories: ['Private', 'State-gov'],
}
const SCHEMA: ModelSchema = { inputs: [AGE, SECTOR], outputs: [] }

const age = (value: number, rows = 1): Tensor => ({
  name: 'age',
  datatype: 'FP32',
  shape: [rows, 1],
  data: Float32Array.from({ length: rows }, () => value),
})
const sector = (value: string): Tensor => ({
  name: 'sector',
  datatype: 'BYTES',
  shape: [1, 1],
  data: [value],
})

const control = inputSchema()

function check(inputs: readonly Tensor[], schema: ModelSchema = SCHEMA) {
  // The control reads these two; the rest of an exchange is not its business.
  const verdict = control.onRequest?.({ inputs, schema } as Exchange)
  if (verdict === undefined || verdict instanceof Promise) throw new Error('the control answers at once')
  return verdict
}

function complaint(inputs: readonly Tensor[], schema?: ModelSchema) {
  const verdict = check(inputs, schema)
  if (verdict.action !== 'deny') throw new Error('it was not denied')
  expect(verdict.reason.kind).toBe('invalid-input')
  const [finding] = verdict.findings
  return { rule: finding?.rule, input: verdict.reason.input, message: verdict.reason.message }
}

/** A model of one input, and a tensor for it. */
const one = (schema: Partial<TensorSchema>, data: Tensor['data']): [Tensor[], ModelSchema] => {
  const input: TensorSchema = { name: 'x', datatype: 'FP32', shape: [-1], ...schema }
  return [
    [{ name: 'x', datatype: input.datatype, shape: [data.length], data }],
    { inputs: [input], outputs: [] },
  ]
}

describe('inputs that are what the model declares', () => {
  test('are allowed, in any order', () => {
    expect(check([age(39), sector('Private')]).action).toBe('allow')
    expect(check([sector('State-gov'), age(17)]).action).toBe('allow')
  })

  test('may stand on the bounds, also where the datatype rounds them', () => {
    expect(check([age(90), sector('Private')]).action).toBe('allow')
    expect(check(...one({ maximum: 0.1 }, Float32Array.of(0.1))).action).toBe('allow')
    const bits = new Uint16Array(Float16Array.of(0.1).buffer)
    expect(check(...one({ datatype: 'FP16', minimum: 0.1, maximum: 0.1 }, bits)).action).toBe('allow')
  })
})

describe('inputs that are not', () => {
  test('name the input that is missing', () => {
    expect(complaint([age(39)])).toEqual({
      rule: 'input-schema.missing',
      input: 'sector',
      message: "input 'sector' is missing",
    })
  })

  test('name the inputs that the model takes when there is another', () => {
    const { rule, message, input } = complaint([age(39), sector('Private'), { ...age(1), name: 'agee' }])
    expect({ rule, input }).toEqual({ rule: 'input-schema.unknown', input: undefined })
    expect(message).toBe("input 'agee' is not one that the model takes: 'age', 'sector'")
  })

  test('do not get a text repeated that stands where a name should', () => {
    const { message } = complaint([age(39), { ...age(1), name: 'call me on +49 151 1234' }])
    expect(message).toBe("the input at position 1 is not one that the model takes: 'age', 'sector'")
  })

  test('are refused when one is given twice instead of another', () => {
    expect(complaint([age(39), age(39)]).message).toBe("input 'sector' is missing")
    expect(complaint([age(39), sector('Private'), age(39)]).message).toBe("input 'age' is given twice")
  })

  test('are refused for their datatype and for their shape', () => {
    expect(complaint([{ ...age(39), datatype: 'FP64' }, sector('Private')])).toMatchObject({
      rule: 'input-schema.datatype',
      message: "input 'age' must be FP32, not FP64",
    })
    for (const shape of [[1], [1, 2], [1, 1, 1], [0, 1], []]) {
      const { rule, message } = complaint([{ ...age(39), shape }, sector('Private')])
      expect(rule).toBe('input-schema.shape')
      expect(message).toBe(`input 'age' must have shape [-1,1] (-1: any size from 1), not [${shape}]`)
    }
  })

  test('are refused when their batches differ', () => {
    expect(complaint([age(39, 2), sector('Private')])).toMatchObject({
      rule: 'input-schema.shape',
      input: 'sector',
    })
  })

  test('are refused outside of their range, with the bound and never the value', () => {
    expect(complaint([age(91), sector('Private')])).toEqual({
      rule: 'input-schema.range',
      input: 'age',
      message: "input 'age' element 0 is above its maximum 90",
    })
    expect(complaint([age(16.5), sector('Private')]).message).toBe(
      "input 'age' element 0 is below its minimum 17",
    )
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'are refused when a ranged one is %s',
    (value) => {
      expect(complaint([age(value), sector('Private')]).rule).toBe('input-schema.range')
      expect(complaint(...one({ minimum: 0 }, Float32Array.of(1, value))).rule).toBe('input-schema.range')
    },
  )

  test('are refused by the exact value of 64-bit integers', () => {
    const range = { datatype: 'INT64', minimum: -2, maximum: 2 ** 53 } as const
    expect(check(...one(range, BigInt64Array.of(-2n, 2n ** 53n))).action).toBe('allow')
    expect(complaint(...one(range, BigInt64Array.of(2n ** 53n + 1n))).message).toContain('above its maximum')
    expect(complaint(...one(range, BigInt64Array.of(-3n))).message).toContain('below its minimum')
    expect(complaint(...one({ datatype: 'UINT64', minimum: 1 }, BigUint64Array.of(0n))).message).toContain(
      'below',
    )
  })

  test('are refused by the value of half floats, not by their bits', () => {
    const half = (value: number) => new Uint16Array(Float16Array.of(value).buffer)
    expect(check(...one({ datatype: 'FP16', maximum: 2 }, half(1.5))).action).toBe('allow')
    expect(complaint(...one({ datatype: 'FP16', maximum: 2 }, half(2.5))).rule).toBe('input-schema.range')
  })

  test('are refused outside of their categories, without repeating what was sent', () => {
    const { rule, message } = complaint([age(39), sector('self-employed in secret')])
    expect(rule).toBe('input-schema.category')
    expect(message).toBe(
      "input 'sector' element 0 is not one of its 2 categories; see the model's metadata for them",
    )
  })

  test('point at the first element that is wrong', () => {
    const [inputs, schema] = one({ maximum: 5 }, Float32Array.of(1, 2, 3, 9, 10))
    expect(complaint(inputs, schema).message).toContain('element 3')
  })
})

test('a check of twelve single elements costs at most 3 µs', () => {
  const inputs: TensorSchema[] = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0
      ? { ...AGE, name: `n${index}` }
      : { ...SECTOR, name: `c${index}`, categories: Array.from({ length: 40 }, (_, i) => `category ${i}`) },
  )
  const schema: ModelSchema = { inputs, outputs: [] }
  const tensors = inputs.map(({ name, datatype }): Tensor => {
    const data = datatype === 'FP32' ? Float32Array.of(50) : ['category 39']
    return { name, datatype, shape: [1, 1], data }
  })
  const exchange = { inputs: tensors, schema } as unknown as Exchange
  const rounds = 20_000
  // The best of several: the machine that runs the tests does other things too.
  let bestUs = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 10; attempt++) {
    const began = performance.now()
    for (let round = 0; round < rounds; round++) control.onRequest?.(exchange)
    bestUs = Math.min(bestUs, ((performance.now() - began) * 1000) / rounds)
  }
  expect(bestUs).toBeLessThan(3)
})
