import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FRAME_KIND, HEADER_BYTES, ProtocolViolation, readHeader } from './frame.ts'
import { viewOf } from './frame-reader.ts'
import { decodeLoad, encodeLoad, type LoadCommand } from './load-frame.ts'

const command: fc.Arbitrary<LoadCommand> = fc.record({
  manifestBytes: fc.uint8Array({ maxLength: 50 }),
  path: fc.string({ unit: 'grapheme', maxLength: 20 }),
  modelBytes: fc.uint8Array({ maxLength: 50 }),
  limits: fc.record({ maxRequestBytes: fc.nat(), maxAnswerBytes: fc.nat(), maxBatchRows: fc.nat() }),
})

const joined = (pieces: readonly Uint8Array[]) => Buffer.from(Uint8Array.from(Buffer.concat(pieces)).buffer)

describe('a load frame', () => {
  test('comes back as it was sent', () => {
    fc.assert(
      fc.property(command, (sent) => {
        const bytes = joined(encodeLoad(sent))
        const header = readHeader(viewOf(bytes), 0)
        expect(header).toMatchObject({ kind: FRAME_KIND.load, bodyBytes: bytes.length - HEADER_BYTES })
        const received = decodeLoad(bytes, viewOf(bytes), HEADER_BYTES, bytes.length)
        expect({
          ...received,
          manifestBytes: new Uint8Array(received.manifestBytes),
          modelBytes: new Uint8Array(received.modelBytes),
        }).toEqual({
          ...sent,
          manifestBytes: new Uint8Array(sent.manifestBytes),
          modelBytes: new Uint8Array(sent.modelBytes),
        })
      }),
    )
  })

  test('holds the model where it lies, without a copy', () => {
    const modelBytes = new Uint8Array(8)
    const pieces = encodeLoad({
      manifestBytes: new Uint8Array(1),
      path: 'm',
      modelBytes,
      limits: { maxRequestBytes: 1, maxAnswerBytes: 1, maxBatchRows: 1 },
    })
    expect(pieces).toContain(modelBytes)
  })

  test('is refused with a protocol violation or read when it is cut or its lengths are changed', () => {
    fc.assert(
      fc.property(command, fc.nat(4), fc.nat(0xffffffff), fc.nat(), (sent, field, value, length) => {
        const bytes = joined(encodeLoad(sent))
        if (field < 4) bytes.writeUInt32LE(value, HEADER_BYTES + field * 4)
        const end = field < 4 ? bytes.length : length % bytes.length
        try {
          decodeLoad(bytes, viewOf(bytes), HEADER_BYTES, end)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProtocolViolation)
        }
      }),
    )
  })
})
