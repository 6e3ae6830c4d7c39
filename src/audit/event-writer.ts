import { hash } from 'node:crypto'
import type { EventId } from '../core/index.ts'
import { canonicalJson, type HashText } from '../crypto/index.ts'
import type { Batch } from './batch.ts'
import { commitTo } from './commitment.ts'
import { eventInvalid, eventTooLarge } from './errors.ts'
import type { EventInput } from './event.ts'
import { isCommitmentName, isEventType, leafText, MAXIMUM_LEAF_BYTES } from './leaf.ts'
import { MAXIMUM_KEPT_BYTES, MAXIMUM_SLOTS, SideRecordWriter } from './side-record.ts'

/**
 * Writes an event as an entry frame and a side record behind what a batch holds. The batch takes them in only when all of
 * it could be written.
 *
 * @returns the hash of the leaf
 * @throws {SallyportError} `audit.event-invalid`, `audit.event-too-large`, `crypto.not-canonical-json`; the batch is
 *   as it was
 */
export function writeEvent(
  batch: Batch,
  event: EventInput,
  at: number,
  id: EventId,
  index: number,
): HashText {
  if (!isEventType(event.type)) throw eventInvalid('its type is not dotted kebab-case')
  if (!Number.isSafeInteger(at) || at < 0 || at > MAXIMUM_MS) throw eventInvalid('its time is not one')
  const data = event.data === undefined ? '{}' : canonicalJson(event.data)
  const side = new SideRecordWriter(batch.side)
  const commitments = writeCommitments(side, batch, event)
  const text = leafText({ at, commitments, data, id, type: event.type })
  const { entries } = batch
  entries.reserve(2 + text.length * 3)
  const { bytes, length: start } = entries
  const size = bytes.write(text, start + 2, 'utf8')
  if (size > MAXIMUM_LEAF_BYTES) throw eventTooLarge('the event', MAXIMUM_LEAF_BYTES)
  // The leaf hash takes a zero byte and the entry (RFC 6962 section 2.1): for a moment the low half of the length is it.
  bytes[start + 1] = 0
  const leaf = hash('sha256', bytes.subarray(start + 1, start + 2 + size), 'binary')
  bytes.writeUInt16BE(size, start)
  entries.length = start + 2 + size
  if (commitments !== '{}') batch.side.length += side.end(index)
  return leaf
}

// The last millisecond of the year 9999: what RFC 3339 can write.
const MAXIMUM_MS = 253_402_300_799_999

/** @returns the commitments as canonical JSON */
function writeCommitments(side: SideRecordWriter, batch: Batch, event: EventInput): string {
  const kept = event.private ?? NONE
  const committed = event.commit ?? NONE
  const names = Object.keys(kept)
  const keptCount = names.length
  names.push(...Object.keys(committed))
  if (names.length === 0) return '{}'
  if (names.length > MAXIMUM_SLOTS) throw eventInvalid(`it has more than ${MAXIMUM_SLOTS} commitments`)
  assertKeptSize(kept, names, keptCount)
  names.sort()
  side.begin()
  let json = ''
  let previous = ''
  for (const name of names) {
    if (name === previous) throw eventInvalid('one name stands for two commitments')
    if (!isCommitmentName(name)) throw eventInvalid('the name of a commitment is not kebab-case')
    previous = name
    const keptValue = kept[name]
    const value = keptValue ?? committed[name]
    if (value === undefined) throw eventInvalid('a commitment has no value')
    const saltAt =
      keptValue === undefined ? side.addCommitted() : side.addKept(keptValue, lengthOf(keptValue))
    json += `${json === '' ? '{' : ','}"${name}":"${commitTo(value, batch.side.bytes, saltAt)}"`
  }
  return `${json}}`
}

const NONE: Readonly<Record<string, string | Uint8Array>> = {}

function assertKeptSize(
  kept: Readonly<Record<string, string | Uint8Array>>,
  names: string[],
  count: number,
): void {
  let bytes = 0
  for (let index = 0; index < count; index++) {
    const value = kept[names[index] ?? '']
    if (value === undefined) throw eventInvalid('a commitment has no value')
    bytes += lengthOf(value)
  }
  if (bytes > MAXIMUM_KEPT_BYTES) throw eventTooLarge('what the event keeps', MAXIMUM_KEPT_BYTES)
}

function lengthOf(value: string | Uint8Array): number {
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') : value.length
}
