import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_WIRE_BUDGET, LENGTH, WireFile, type WireMessage, WireWriter } from './index.ts'

/** Walks everything that could be a message, as the readers of formats do. */
function walk(message: WireMessage | undefined): number {
  let fields = 0
  while (message?.next()) {
    fields++
    message.text()
    if (message.wireType === LENGTH) fields += walk(message.message())
  }
  return fields
}

function codes(bytes: Uint8Array, budget = DEFAULT_WIRE_BUDGET): string[] {
  const file = new WireFile(bytes, budget)
  walk(file.root())
  return file.anomalies.map((anomaly) => anomaly.code)
}

describe('the protobuf reader', () => {
  it('reads back every integer that the writer writes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const message = new WireFile(new WireWriter().integer(3, value).finish()).root()
        expect(message.next()).toBe(true)
        expect([message.fieldNumber, message.int64()]).toEqual([3, value])
        expect(message.next()).toBe(false)
      }),
    )
  })

  it('cuts an integer to 32 bits where C++ does, so that a flag cannot hide in the bits above', () => {
    const message = new WireFile(new WireWriter().integer(14, 0x1_0000_0001n).finish()).root()
    message.next()
    expect(message.int32()).toBe(1)
  })

  it('reads repeated integers whether they are packed or not', () => {
    const bytes = new WireWriter().packedIntegers(1, [1, -2, 300]).integer(1, 4).finish()
    const message = new WireFile(bytes).root()
    const values: bigint[] = []
    let count = 0
    while (message.next()) count += message.collectVarints(values, 3)
    expect({ values, count }).toEqual({ values: [1n, -2n, 300n], count: 4 })
  })

  it('steps over a group and says so, because a loader reads on behind it', () => {
    const file = new WireFile(
      Buffer.concat([Buffer.from('0b0801130814140c', 'hex'), Buffer.from('1005', 'hex')]),
    )
    const message = file.root()
    expect([message.next(), message.fieldNumber]).toEqual([true, 1])
    expect([message.next(), message.fieldNumber, message.int64()]).toEqual([true, 2, 5n])
    expect(file.anomalies.map((anomaly) => anomaly.code)).toEqual(['group', 'group'])
    expect(file.isUnread).toBe(false)
  })

  it.each([
    ['a length beyond its message', '0aff01', 'truncated'],
    ['a length beyond its message that ends inside the file', '0a020a0510011001', 'truncated'],
    ['a negative length', '0affffffffffffffffff01', 'truncated'],
    ['a cut fixed32', '0d0102', 'truncated'],
    ['a cut fixed64', '090102030405', 'truncated'],
    ['an integer that does not end', '08ffffffffffffffffffffff01', 'malformed-varint'],
    ['an integer at the end of the file', '0880', 'malformed-varint'],
    ['a tag that does not end', '8080808080808001', 'malformed-tag'],
    ['field number zero', '0001', 'malformed-tag'],
    ['wire type 6', '0e', 'malformed-tag'],
    ['an end without a group', '0c', 'unmatched-group'],
    ['a group that ends under another number', '0b14', 'unmatched-group'],
    ['a group that does not end', '0b0801', 'truncated'],
  ])('calls the file unread for %s', (_what, hex, code) => {
    const file = new WireFile(Buffer.from(hex, 'hex'))
    walk(file.root())
    expect(file.anomalies.map((anomaly) => anomaly.code)).toContain(code)
    expect(file.isUnread).toBe(true)
  })

  it('says when a text is not UTF-8, and is not misled by a replacement character', () => {
    expect(codes(new WireWriter().bytes(1, Buffer.from([0xc3, 0x28])).finish())).toContain('invalid-utf8')
    expect(codes(new WireWriter().bytes(2, Buffer.from('a\ufffdb')).finish())).not.toContain('invalid-utf8')
  })

  it('keeps its budgets of fields, messages, depth and text', () => {
    const many = new WireWriter()
    for (let index = 0; index < 50; index++) many.bytes(1, new Uint8Array(0))
    let deep = new WireWriter()
    for (let depth = 0; depth < 50; depth++) deep = new WireWriter().message(1, deep)
    const budget = {
      ...DEFAULT_WIRE_BUDGET,
      maxFields: 1000,
      maxMessages: 1000,
      maxDepth: 10,
      maxTextBytes: 10,
    }
    expect(codes(many.finish(), { ...budget, maxFields: 10 })).toEqual(['too-many-fields'])
    expect(codes(many.finish(), { ...budget, maxMessages: 10 })).toEqual(['too-many-messages'])
    expect(codes(deep.finish(), { ...budget, maxTextBytes: 1000 })).toEqual(['too-deep'])
    expect(codes(new WireWriter().text(1, '12345678901').finish(), budget)).toContain('too-much-text')
  })

  it('neither throws nor stalls, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const file = new WireFile(bytes)
        expect(walk(file.root())).toBeLessThanOrEqual(bytes.length * 100)
        expect(file.anomalies.length).toBeLessThanOrEqual(DEFAULT_WIRE_BUDGET.maxAnomalies)
      }),
      { numRuns: 2000 },
    )
  })
})
