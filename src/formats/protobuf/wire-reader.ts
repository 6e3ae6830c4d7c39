import type { Anomaly } from '../anomaly.ts'

/** What reading may cost. A file that needs more is reported as unread, never read further. */
export interface WireBudget {
  /** Fields and packed elements over all messages. */
  readonly maxFields: number
  /** Sub-messages that the caller may open. */
  readonly maxMessages: number
  /** Nesting of messages and groups; protobuf's own parsers stop at 100. */
  readonly maxDepth: number
  /** Of one text, and of all texts together. */
  readonly maxTextBytes: number
  readonly maxTotalTextBytes: number
  readonly maxAnomalies: number
}

export const DEFAULT_WIRE_BUDGET: WireBudget = {
  maxFields: 20_000_000,
  maxMessages: 500_000,
  maxDepth: 100,
  maxTextBytes: 1024 * 1024,
  maxTotalTextBytes: 64 * 1024 * 1024,
  maxAnomalies: 100,
}

export const VARINT = 0
export const FIXED64 = 1
export const LENGTH = 2
const START_GROUP = 3
const END_GROUP = 4
export const FIXED32 = 5

/** The state that all messages of one file share: its bytes, what was spent, and what was odd. */
export class WireFile {
  readonly bytes: Buffer
  readonly budget: WireBudget
  readonly anomalies: Anomaly[] = []
  #fields = 0
  #messages = 0
  #textBytes = 0
  #isUnread = false

  constructor(bytes: Uint8Array, budget: WireBudget = DEFAULT_WIRE_BUDGET) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.budget = budget
  }

  /** True when some bytes were not understood, also when their anomaly was dropped for want of room. */
  get isUnread(): boolean {
    return this.#isUnread
  }

  root(): WireMessage {
    return new WireMessage(this, 0, this.bytes.length, 0)
  }

  note(code: string, message: string, offset: number, isUnread: boolean): void {
    if (isUnread) this.#isUnread = true
    if (this.anomalies.length < this.budget.maxAnomalies) {
      this.anomalies.push({ code, message, offset, isUnread })
    }
  }

  /** False, once and with an anomaly, when the budget of fields is spent. */
  spendFields(count: number, offset: number): boolean {
    const wasWithin = this.#fields <= this.budget.maxFields
    this.#fields += count
    if (this.#fields <= this.budget.maxFields) return true
    if (wasWithin) this.note('too-many-fields', `more than ${this.budget.maxFields} fields`, offset, true)
    return false
  }

  spendText(length: number, offset: number): boolean {
    this.#textBytes += length
    if (length <= this.budget.maxTextBytes && this.#textBytes <= this.budget.maxTotalTextBytes) return true
    this.note('too-much-text', `a text of ${length} bytes is over the budget`, offset, true)
    return false
  }

  spendMessage(offset: number): boolean {
    this.#messages++
    if (this.#messages <= this.budget.maxMessages) return true
    if (this.#messages === this.budget.maxMessages + 1) {
      this.note('too-many-messages', `more than ${this.budget.maxMessages} messages`, offset, true)
    }
    return false
  }
}

/**
 * A cursor over the fields of one message in the protobuf wire format
 * (https://protobuf.dev/programming-guides/encoding/). Nothing is copied: a field's payload is a range of the file.
 *
 * It accepts what the C++ parser accepts (both packings of repeated scalars, unknown groups, integers truncated to their
 * declared width), so that nothing a loader would read stays unseen; what that parser refuses ends the message with an
 * anomaly that is unread.
 */
export class WireMessage {
  readonly file: WireFile
  readonly start: number
  readonly end: number
  readonly depth: number
  #position: number

  /** Of the present field. */
  fieldNumber = 0
  wireType = 0
  /** Where the present field's tag stands. */
  fieldOffset = 0
  /** The range of the present field's payload. */
  valueStart = 0
  valueEnd = 0

  constructor(file: WireFile, start: number, end: number, depth: number) {
    this.file = file
    this.start = start
    this.end = end
    this.depth = depth
    this.#position = start
  }

  /** Moves to the next field. False at the end of the message, and when the rest of it cannot be read. */
  next(): boolean {
    if (this.#position >= this.end) return false
    const offset = this.#position
    if (!this.file.spendFields(1, offset)) return this.#stop()
    const tag = this.#readTag()
    if (tag === undefined) return this.#stop()
    this.fieldOffset = offset
    this.fieldNumber = tag >>> 3
    this.wireType = tag & 7
    if (this.wireType === END_GROUP)
      return this.#refuse('unmatched-group', 'a group ends that never began', offset)
    if (!this.#findValue(this.depth)) return this.#stop()
    return true
  }

  /** The payload of the present field, as a view. Of a length-delimited field, its contents. */
  value(): Buffer {
    return this.file.bytes.subarray(this.valueStart, this.valueEnd)
  }

  /** The present field as text. What is not UTF-8 is replaced and noted; what is over the budget is empty and noted. */
  text(): string {
    if (!this.file.spendText(this.valueEnd - this.valueStart, this.valueStart)) return ''
    const bytes = this.value()
    const text = bytes.toString('utf8')
    if (text.includes('\ufffd') && !isUtf8Clean(bytes, text)) {
      this.file.note('invalid-utf8', 'a text is not valid UTF-8', this.valueStart, false)
    }
    return text
  }

  /** The present varint or fixed64 as a signed 64-bit integer. */
  int64(): bigint {
    if (this.wireType === FIXED64) return this.file.bytes.readBigInt64LE(this.valueStart)
    return readVarint(this.file.bytes, this.valueStart, this.valueEnd)
  }

  /** The present varint cut to its low 32 bits, as C++ does for int32 and enum fields. */
  int32(): number {
    return Number(BigInt.asIntN(32, readVarint(this.file.bytes, this.valueStart, this.valueEnd)))
  }

  float(): number {
    return this.file.bytes.readFloatLE(this.valueStart)
  }

  /** A cursor over the present length-delimited field as a message; undefined when a budget forbids it. */
  message(): WireMessage | undefined {
    if (this.depth + 1 > this.file.budget.maxDepth) {
      this.file.note(
        'too-deep',
        `messages nest deeper than ${this.file.budget.maxDepth}`,
        this.fieldOffset,
        true,
      )
      return undefined
    }
    if (!this.file.spendMessage(this.fieldOffset)) return undefined
    return new WireMessage(this.file, this.valueStart, this.valueEnd, this.depth + 1)
  }

  /**
   * Elements of a repeated varint field, which may stand packed or one by one. Keeps those for which `into` has room up to
   * `limit`, and returns how many there are. Packed contents that break off are noted.
   */
  collectVarints(into: bigint[], limit: number): number {
    if (this.wireType !== LENGTH) {
      if (into.length < limit) into.push(this.int64())
      return 1
    }
    let count = 0
    for (let position = this.valueStart; position < this.valueEnd; count++) {
      const end = varintEnd(this.file.bytes, position, this.valueEnd)
      if (end === 0) {
        this.file.note('malformed-varint', 'a packed integer does not end', position, true)
        return count
      }
      if (!this.file.spendFields(1, position)) return count
      if (into.length < limit) into.push(readVarint(this.file.bytes, position, end))
      position = end
    }
    return count
  }

  /** The number of elements in a repeated field of fixed width, packed or single. Notes a remainder. */
  countFixed(width: 4 | 8): number {
    if (this.wireType !== LENGTH) return 1
    const length = this.valueEnd - this.valueStart
    if (length % width !== 0) {
      this.file.note(
        'ragged-packed',
        `packed elements of ${width} bytes do not fill ${length}`,
        this.valueStart,
        true,
      )
    }
    return Math.floor(length / width)
  }

  #stop(): false {
    this.#position = this.end
    return false
  }

  #refuse(code: string, message: string, offset: number): false {
    this.file.note(code, message, offset, true)
    return this.#stop()
  }

  #readTag(): number | undefined {
    const offset = this.#position
    const end = varintEnd(this.file.bytes, offset, this.end)
    if (end === 0 || end - offset > 5) {
      this.file.note('malformed-tag', 'a field does not begin with a tag', offset, true)
      return undefined
    }
    const tag = readLength(this.file.bytes, offset, end)
    if (tag < 8 || tag > 0xffff_ffff) {
      this.file.note('malformed-tag', 'a tag names no field', offset, true)
      return undefined
    }
    this.#position = end
    return tag
  }

  /** Sets the range of the present field's value and moves past it. */
  #findValue(depth: number): boolean {
    const offset = this.#position
    switch (this.wireType) {
      case VARINT: {
        const end = varintEnd(this.file.bytes, offset, this.end)
        if (end === 0) return this.#refuse('malformed-varint', 'an integer does not end', offset)
        return this.#setValue(offset, end)
      }
      case FIXED64:
        return this.#setSized(offset, 8)
      case FIXED32:
        return this.#setSized(offset, 4)
      case LENGTH: {
        const end = varintEnd(this.file.bytes, offset, this.end)
        if (end === 0) return this.#refuse('malformed-varint', 'a length does not end', offset)
        const length = readLength(this.file.bytes, offset, end)
        if (length > this.end - end) {
          return this.#refuse('truncated', 'a field is longer than what holds it', offset)
        }
        return this.#setValue(end, end + length)
      }
      case START_GROUP:
        return this.#skipGroup(depth + 1)
      default:
        return this.#refuse('malformed-tag', `no wire type ${this.wireType} exists`, this.fieldOffset)
    }
  }

  #setSized(offset: number, length: number): boolean {
    if (offset + length > this.end) return this.#refuse('truncated', 'a field is cut off', offset)
    return this.#setValue(offset, offset + length)
  }

  #setValue(start: number, end: number): true {
    this.valueStart = start
    this.valueEnd = end
    this.#position = end
    return true
  }

  /** Groups are deprecated and no format read here has one; a loader steps over them, and so does this. */
  #skipGroup(depth: number): boolean {
    const group = this.fieldNumber
    const groupOffset = this.fieldOffset
    const start = this.#position
    if (depth > this.file.budget.maxDepth)
      return this.#refuse('too-deep', 'groups nest too deep', groupOffset)
    this.file.note('group', 'holds a protobuf group, which nothing should write', groupOffset, false)
    while (this.#position < this.end) {
      const offset = this.#position
      if (!this.file.spendFields(1, offset)) return false
      const tag = this.#readTag()
      if (tag === undefined) return false
      if ((tag & 7) === END_GROUP) {
        if (tag >>> 3 !== group)
          return this.#refuse('unmatched-group', 'a group ends under another number', offset)
        this.fieldNumber = group
        this.wireType = START_GROUP
        this.fieldOffset = groupOffset
        this.valueStart = start
        this.valueEnd = offset
        return true
      }
      this.fieldNumber = tag >>> 3
      this.wireType = tag & 7
      this.fieldOffset = offset
      if (!this.#findValue(depth)) return false
    }
    return this.#refuse('truncated', 'a group does not end', groupOffset)
  }
}

/** Where the varint at `start` ends; 0 when it does not end within 10 bytes or before `limit`. */
function varintEnd(bytes: Buffer, start: number, limit: number): number {
  const last = limit - start > 10 ? start + 10 : limit
  for (let position = start; position < last; position++) {
    if ((bytes[position] ?? 0x80) < 0x80) return position + 1
  }
  return 0
}

/** A varint whose end is known, as a number: exact up to 2^49, and beyond any length above it, negative ones included. */
function readLength(bytes: Buffer, start: number, end: number): number {
  if (end - start > 7) return Number.MAX_SAFE_INTEGER
  let value = 0
  for (let position = end - 1; position >= start; position--) {
    value = value * 128 + ((bytes[position] ?? 0) & 0x7f)
  }
  return value
}

/** A varint whose end is known, as a signed 64-bit integer; bits beyond 64 are dropped as C++ does. */
function readVarint(bytes: Buffer, start: number, end: number): bigint {
  if (end - start <= 7) return BigInt(readLength(bytes, start, end))
  let value = 0n
  for (let position = end - 1; position >= start; position--) {
    value = (value << 7n) | BigInt((bytes[position] ?? 0) & 0x7f)
  }
  return BigInt.asIntN(64, value)
}

/** A text may hold U+FFFD itself; only bytes that differ from their re-encoding were damaged. */
function isUtf8Clean(bytes: Buffer, text: string): boolean {
  return Buffer.from(text, 'utf8').equals(bytes)
}
