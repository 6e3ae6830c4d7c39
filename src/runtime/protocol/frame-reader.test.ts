import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameWriter, HEADER_BYTES, ProtocolViolation } from './frame.ts'
import { FrameReader } from './frame-reader.ts'

const body = fc.uint8Array({ maxLength: 64 }).map((bytes) => bytes.subarray(0, bytes.length & ~7))

function frames(bodies: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const writer = new FrameWriter(bodies.reduce((sum, { length }) => sum + HEADER_BYTES + length, 0))
  bodies.forEach((bytes, callId) => {
    const start = writer.end
    writer.bytes.set(bytes, start + HEADER_BYTES)
    writer.end += HEADER_BYTES + bytes.length
    writer.writeHeader(start, { callId, kind: 7, status: 3, count: 5, computeMicros: 11 })
  })
  return writer.bytes
}

function collect(maxBodyBytes = 1024) {
  const received: { callId: number; body: Uint8Array }[] = []
  const reader = new FrameReader(
    () => maxBodyBytes,
    ({ callId, kind, status, count, computeMicros }, bytes, view, start, end) => {
      expect({ kind, status, count, computeMicros }).toEqual({
        kind: 7,
        status: 3,
        count: 5,
        computeMicros: 11,
      })
      expect(view.byteLength).toBe(bytes.length)
      received.push({ callId, body: new Uint8Array(bytes.subarray(start, end)) })
    },
  )
  return { reader, received }
}

/** Each chunk in memory of its own, as a socket gives them. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer<ArrayBuffer>> {
  let offset = 0
  for (let turn = 0; offset < bytes.length; turn++) {
    const end = offset + (sizes[turn % sizes.length] ?? 1)
    yield Buffer.from(Uint8Array.from(bytes.subarray(offset, end)).buffer)
    offset = end
  }
}

describe('a frame reader', () => {
  test('gives the same frames however the stream is cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(body, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 6 }),
        (bodies, sizes) => {
          const { reader, received } = collect()
          for (const chunk of cut(frames(bodies), sizes)) reader.push(chunk)
          expect(received).toEqual(bodies.map((bytes, callId) => ({ callId, body: new Uint8Array(bytes) })))
        },
      ),
    )
  })

  test('refuses a body above its limit before it sets memory aside for it', () => {
    const { reader } = collect(64)
    const header = Buffer.from(new ArrayBuffer(HEADER_BYTES))
    header.writeUInt32LE(0xfffffff8, 0)
    const before = process.memoryUsage().arrayBuffers
    expect(() => reader.push(header)).toThrow(ProtocolViolation)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })

  test('refuses a length that is not padded', () => {
    const header = Buffer.from(new ArrayBuffer(HEADER_BYTES))
    header.writeUInt32LE(9, 0)
    expect(() => collect().reader.push(header)).toThrow('a frame is not padded')
  })

  test('throws nothing but protocol violations for random bytes in random chunks', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (random, size) => {
        const reader = new FrameReader(
          ({ kind }) => (kind < 128 ? 256 : -1),
          () => {},
        )
        try {
          for (const chunk of cut(Buffer.from(random), [size])) reader.push(chunk)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProtocolViolation)
        }
      }),
    )
  })
})
