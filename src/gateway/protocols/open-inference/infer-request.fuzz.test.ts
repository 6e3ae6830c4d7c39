import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../limits.ts'
import { Refusal } from '../../refusal.ts'
import { parseInferRequest } from './infer-request.ts'

const JSON_PART = Buffer.from(
  JSON.stringify({
    id: 'a',
    parameters: { binary_data_output: true },
    inputs: [
      {
        name: 'a',
        datatype: 'FP32',
        shape: [2, 2],
        data: [
          [1, 2.5],
          [-3e2, 4],
        ],
      },
      { name: 'b', datatype: 'INT64', shape: [1], data: ['2^53+1'] },
      { name: 'c', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 13 } },
      { name: 'd', datatype: 'BOOL', shape: [2], parameters: { binary_data_size: 2 } },
      { name: 'e', datatype: 'BYTES', shape: [1], data: ['\u00e9\ud83d\ude42"\\'] },
    ],
    outputs: [{ name: 'p', parameters: { binary_data: true } }],
  }).replace('"2^53+1"', '9007199254740993'),
)
const BODY = Buffer.concat([JSON_PART, Buffer.from('\x02\0\0\0hi\x03\0\0\0abc\x01\0', 'latin1')])

const mutation = fc.record({
  at: fc.nat(BODY.length - 1),
  remove: fc.nat(6),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc
      .constantFrom(
        '[',
        ']',
        '{',
        '}',
        '"',
        '\\',
        ':',
        ',',
        '-',
        'e',
        '1e999',
        'null',
        'true',
        '\\u0000',
        '"data":',
      )
      .map((text) => Buffer.from(text)),
  ),
})

function mutate(
  body: Buffer,
  mutations: readonly { at: number; remove: number; insert: Uint8Array }[],
): Buffer {
  let mutated = body
  for (const { at, remove, insert } of mutations) {
    mutated = Buffer.concat([mutated.subarray(0, at), insert, mutated.subarray(at + remove)])
  }
  return mutated
}

test('the request that is mutated is itself well-formed', () => {
  expect(parseInferRequest(BODY, JSON_PART.length, DEFAULT_LIMITS).inputs).toHaveLength(5)
})

test('any mutated body is a request or a typed refusal, at once', () => {
  const property = fc.property(
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    fc.integer({ min: -3, max: 3 }),
    (mutations, shift) => {
      const body = mutate(BODY, mutations)
      const began = performance.now()
      try {
        const { inputs } = parseInferRequest(body, Math.max(0, JSON_PART.length + shift), DEFAULT_LIMITS)
        for (const { shape, data } of inputs) {
          expect(data.length).toBe(shape.reduce((count, size) => count * size, 1))
        }
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Refusal)
      }
      expect(performance.now() - began).toBeLessThan(1_000)
    },
  )
  fc.assert(property, { numRuns: 5_000 })
})
