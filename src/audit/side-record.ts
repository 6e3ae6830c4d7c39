import { crc32 } from 'node:zlib'
import { SALT_BYTES, writeSalt } from './commitment.ts'
import type { Opening } from './event.ts'
import type { GrowableBuffer } from './growable-buffer.ts'

/**
 * The side store holds one record for each entry that has commitments: 32 bits of the record's length, 48 bits of the
 * entry's index, a slot for each commitment in the order of their names, and a CRC-32 of all before it. A slot is a
 * state, 32 bits of the value's length, the salt and the value. Numbers are big-endian. The CRC tells damage; that
 * values are the true ones, the commitments in the leaf tell. An erased slot keeps its length and is otherwise zero.
 */
const HEADER_BYTES = 4 + 6
const SLOT_OVERHEAD = 1 + 4 + SALT_BYTES
const CRC_BYTES = 4

const COMMITTED = 1
const KEPT = 2
const ERASED = 3

/** All kept values of an event together. */
export const MAXIMUM_KEPT_BYTES = 65_535
export const MAXIMUM_SLOTS = 32
export const MAXIMUM_RECORD_BYTES =
  HEADER_BYTES + MAXIMUM_SLOTS * SLOT_OVERHEAD + MAXIMUM_KEPT_BYTES + CRC_BYTES

/** Writes records behind the filled part of a buffer. */
export class SideRecordWriter {
  readonly #buffer: GrowableBuffer
  #at = 0

  constructor(buffer: GrowableBuffer) {
    this.#buffer = buffer
  }

  begin(): void {
    this.#buffer.reserve(MAXIMUM_RECORD_BYTES)
    this.#at = this.#buffer.length + HEADER_BYTES
  }

  /** Adds a slot for a value that is not kept. @returns where its salt stands in the buffer */
  addCommitted(): number {
    return this.#addSlot(COMMITTED, 0)
  }

  /** Adds a slot that keeps `value`, whose UTF-8 or plain length is `length`. @returns where its salt stands */
  addKept(value: string | Uint8Array, length: number): number {
    const salt = this.#addSlot(KEPT, length)
    if (typeof value === 'string') this.#buffer.bytes.write(value, salt + SALT_BYTES, length, 'utf8')
    else this.#buffer.bytes.set(value, salt + SALT_BYTES)
    return salt
  }

  /** Ends the record. @returns its length; the buffer's own length is the caller's to advance */
  end(index: number): number {
    const { bytes, length: start } = this.#buffer
    const total = this.#at + CRC_BYTES - start
    bytes.writeUInt32BE(total, start)
    bytes.writeUIntBE(index, start + 4, 6)
    bytes.writeUInt32BE(crc32(bytes.subarray(start, this.#at)), this.#at)
    return total
  }

  #addSlot(state: number, length: number): number {
    const { bytes } = this.#buffer
    bytes[this.#at] = state
    bytes.writeUInt32BE(length, this.#at + 1)
    const salt = this.#at + 5
    writeSalt(bytes, salt)
    this.#at = salt + SALT_BYTES + length
    return salt
  }
}

export interface SideRecord {
  /** Index of the entry it belongs to. */
  readonly index: number
  readonly openings: readonly Opening[]
  /** Where each slot begins and ends in the record. */
  readonly slots: readonly { readonly start: number; readonly end: number }[]
  /** Bytes of the record. */
  readonly length: number
}

/** Length of the record at `offset`; undefined when `bytes` ends before its length field or it cannot be one. */
export function sideRecordLength(bytes: Buffer, offset: number): number | undefined {
  if (offset + 4 > bytes.length) return undefined
  const length = bytes.readUInt32BE(offset)
  return length < HEADER_BYTES + SLOT_OVERHEAD + CRC_BYTES || length > MAXIMUM_RECORD_BYTES
    ? undefined
    : length
}

/** Whether a record of this length stands at `offset` with the right checksum. */
export function isSideRecordWhole(bytes: Buffer, offset: number, length: number): boolean {
  const bodyEnd = offset + length - CRC_BYTES
  return bytes.readUInt32BE(bodyEnd) === crc32(bytes.subarray(offset, bodyEnd))
}

/** The record at `offset`; undefined when it is damaged or incomplete. */
export function readSideRecord(bytes: Buffer, offset: number): SideRecord | undefined {
  const length = sideRecordLength(bytes, offset)
  if (length === undefined || offset + length > bytes.length) return undefined
  if (!isSideRecordWhole(bytes, offset, length)) return undefined
  const record = bytes.subarray(offset, offset + length)
  const bodyEnd = length - CRC_BYTES
  const openings: Opening[] = []
  const slots: { start: number; end: number }[] = []
  let at = HEADER_BYTES
  while (at < bodyEnd) {
    if (at + SLOT_OVERHEAD > bodyEnd) return undefined
    const end = at + SLOT_OVERHEAD + record.readUInt32BE(at + 1)
    if (end > bodyEnd) return undefined
    const opening = readOpening(record, at, end)
    if (opening === undefined) return undefined
    openings.push(opening)
    slots.push({ start: at, end })
    at = end
  }
  return { index: record.readUIntBE(4, 6), openings, slots, length }
}

function readOpening(record: Buffer, start: number, end: number): Opening | undefined {
  const saltAt = start + 5
  const valueAt = saltAt + SALT_BYTES
  const state = record[start]
  if (state === ERASED) return isZero(record, saltAt, end) ? { state: 'erased' } : undefined
  const salt = record.toString('hex', saltAt, valueAt)
  if (state === COMMITTED) return end === valueAt ? { state: 'committed', salt } : undefined
  if (state === KEPT) return { state: 'kept', salt, value: Buffer.from(record.subarray(valueAt, end)) }
  return undefined
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (bytes[index] !== 0) return false
  return true
}

/**
 * Erases one slot of a record in place. Lengths are read without trusting the rest, so that an erasure that a crash cut
 * short can be done again.
 *
 * @returns false when there is no such slot
 */
export function eraseSlot(record: Buffer, slotIndex: number): boolean {
  const bodyEnd = record.length - CRC_BYTES
  let at = HEADER_BYTES
  for (let slot = 0; at + SLOT_OVERHEAD <= bodyEnd; slot++) {
    const end = at + SLOT_OVERHEAD + record.readUInt32BE(at + 1)
    if (end > bodyEnd) return false
    if (slot === slotIndex) {
      record[at] = ERASED
      record.fill(0, at + 5, end)
      record.writeUInt32BE(crc32(record.subarray(0, bodyEnd)), bodyEnd)
      return true
    }
    at = end
  }
  return false
}
