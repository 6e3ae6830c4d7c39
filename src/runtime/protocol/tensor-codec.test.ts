import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DATATYPES, ELEMENT_BYTES, elementCount, type Tensor, type TensorData } from '../../core/index.ts'
import { FrameWriter, ProtocolViolation } from './frame.ts'
import { viewOf } from './frame-reader.ts'
import { decodeTensors, encodedBound, encodeTensor, WIRE_DATATYPES } from './tensor-codec.ts'

function encode(tensors: readonly Tensor[]): Buffer<ArrayBuffer> {
  const bound = tensors.reduce((sum, { shape, data }) => sum + encodedBound(shape, data), 0)
  const writer = new FrameWriter(bound)
  writer.bytes.fill(0xaa)
  tensors.forEach(({ datatype, shape, data }, index) => {
    encodeTensor(writer, index, datatype, shape, data)
  })
  return writer.bytes.subarray(0, writer.end)
}

function decode(bytes: Buffer<ArrayBuffer>, declared: readonly Tensor[]): Tensor[] {
  return decodeTensors(bytes, viewOf(bytes), 0, bytes.length, declared.length, declared)
}

const shape = fc.array(fc.nat(4), { maxLength: 4 })

function dataOf(datatype: Tensor['datatype'], count: number): fc.Arbitrary<TensorData> {
  const bytes = fc.uint8Array({ minLength: count * 8, maxLength: count * 8 })
  switch (datatype) {
    case 'BYTES':
      return fc.array(fc.string({ unit: 'binary' }), { minLength: count, maxLength: count })
    case 'BOOL':
      return bytes.map((raw) => raw.subarray(0, count).map((value) => value & 1))
    case 'UINT8':
      return bytes.map((raw) => raw.slice(0, count))
    case 'INT8':
      return bytes.map(({ buffer }) => new Int8Array(buffer, 0, count))
    case 'UINT16':
    case 'FP16':
      return bytes.map(({ buffer }) => new Uint16Array(buffer, 0, count))
    case 'INT16':
      return bytes.map(({ buffer }) => new Int16Array(buffer, 0, count))
    case 'UINT32':
      return bytes.map(({ buffer }) => new Uint32Array(buffer, 0, count))
    case 'INT32':
      return bytes.map(({ buffer }) => new Int32Array(buffer, 0, count))
    case 'UINT64':
      return bytes.map(({ buffer }) => new BigUint64Array(buffer, 0, count))
    case 'INT64':
      return bytes.map(({ buffer }) => new BigInt64Array(buffer, 0, count))
    case 'FP32':
      return bytes.map(({ buffer }) => new Float32Array(buffer, 0, count))
    case 'FP64':
      return bytes.map(({ buffer }) => new Float64Array(buffer, 0, count))
  }
}

const tensor: fc.Arbitrary<Tensor> = fc
  .record({ name: fc.string(), datatype: fc.constantFrom(...DATATYPES), shape })
  .chain((head) => dataOf(head.datatype, elementCount(head.shape)).map((data) => ({ ...head, data })))

const tensors = fc.array(tensor, { maxLength: 5 })

describe('tensors on the wire', () => {
  test('every datatype of the vocabulary has a number, and the numbers never change', () => {
    expect([...WIRE_DATATYPES].sort()).toEqual([...DATATYPES].sort())
    expect(WIRE_DATATYPES.join()).toBe(
      'BOOL,UINT8,UINT16,UINT32,UINT64,INT8,INT16,INT32,INT64,FP16,FP32,FP64,BYTES',
    )
  })

  test('come back as they were sent, whatever their datatype and shape', () => {
    fc.assert(
      fc.property(tensors, (sent) => {
        expect(decode(encode(sent), sent)).toEqual(sent)
      }),
    )
  })

  test('come back as they were sent from a place that is not aligned', () => {
    fc.assert(
      fc.property(tensors, fc.integer({ min: 1, max: 7 }), (sent, shift) => {
        const bytes = encode(sent)
        const shifted = Buffer.from(new ArrayBuffer(bytes.length + shift)).subarray(shift)
        bytes.copy(shifted)
        expect(decode(shifted, sent)).toEqual(sent)
      }),
    )
  })

  test('are views of the received bytes where they are aligned', () => {
    const sent: Tensor[] = [{ name: 'x', datatype: 'FP64', shape: [2], data: new Float64Array([1, 2]) }]
    const bytes = encode(sent)
    expect(decode(bytes, sent)[0]?.data).toHaveProperty('buffer', bytes.buffer)
  })

  test('leave nothing of an earlier call in their padding', () => {
    const bytes = encode([{ name: 'x', datatype: 'UINT8', shape: [3], data: new Uint8Array([1, 2, 3]) }])
    expect([...bytes.subarray(-5)]).toEqual([0, 0, 0, 0, 0])
    expect(bytes.includes(0xaa)).toBe(false)
  })

  test('are refused with a protocol violation or read when any byte is changed', () => {
    const refused = { count: 0 }
    fc.assert(
      fc.property(
        fc.array(tensor, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(255),
        (sent, at, value) => {
          const bytes = encode(sent)
          bytes[at % bytes.length] = value
          try {
            for (const { datatype, shape, data } of decode(bytes, sent)) {
              expect(data.length).toBe(elementCount(shape))
              if (datatype !== 'BYTES') expect(ELEMENT_BYTES[datatype]).toBeGreaterThan(0)
            }
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(ProtocolViolation)
            refused.count++
          }
        },
      ),
    )
    expect(refused.count).toBeGreaterThan(0)
  })

  test('are refused with a protocol violation when cut or made of random bytes', () => {
    fc.assert(
      fc.property(fc.array(tensor, { minLength: 1, maxLength: 4 }), fc.nat(), (sent, length) => {
        const bytes = encode(sent)
        expect(() => decode(bytes.subarray(0, length % bytes.length), sent)).toThrow(ProtocolViolation)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), tensors, (random, declared) => {
        try {
          decode(Buffer.from(new Uint8Array(random).buffer), declared)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProtocolViolation)
        }
      }),
    )
  })

  test('are refused when a shape claims more elements than there are bytes', () => {
    const sent: Tensor[] = [{ name: 'x', datatype: 'BYTES', shape: [1], data: ['a'] }]
    const bytes = encode(sent)
    for (const dimension of [0, 2, 0x40000000, 0xffffffff]) {
      bytes.writeUInt32LE(dimension, 8)
      expect(() => decode(bytes, sent)).toThrow(ProtocolViolation)
    }
  })

  test('are refused when a BOOL is neither 0 nor 1', () => {
    const sent: Tensor[] = [{ name: 'x', datatype: 'BOOL', shape: [1], data: new Uint8Array([2]) }]
    expect(() => decode(encode(sent), sent)).toThrow('a BOOL is neither 0 nor 1')
  })
})
