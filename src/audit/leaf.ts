import { z } from 'zod'
import { type EventId, isSha256, type Sha256, toTimestamp } from '../core/index.ts'
import { canonicalJson, type JsonValue } from '../crypto/index.ts'
import type { LoggedEvent } from './event.ts'
import { isEventId } from './event-ids.ts'

/** C2SP tlog-tiles prefixes each entry with 16 bits of length. */
export const MAXIMUM_LEAF_BYTES = 65_535

const TYPE = /^[a-z][a-z0-9-]{0,31}(?:\.[a-z][a-z0-9-]{0,31}){1,3}$/
const COMMITMENT_NAME = /^[a-z][a-z0-9-]{0,31}$/

export const isEventType = remembering((text) => TYPE.test(text))
export const isCommitmentName = remembering((text) => COMMITMENT_NAME.test(text))

/** Types and names are few and come back a million times. */
function remembering(check: (text: string) => boolean): (text: string) => boolean {
  const known = new Set<string>()
  return (text) => {
    if (known.has(text)) return true
    if (!check(text)) return false
    if (known.size < 1024) known.add(text)
    return true
  }
}

let lastMs = Number.NaN
let lastTimestamp = ''

function timestamp(epochMs: number): string {
  if (epochMs !== lastMs) {
    lastTimestamp = toTimestamp(epochMs)
    lastMs = epochMs
  }
  return lastTimestamp
}

/**
 * The RFC 8785 text of an entry. Everything but `data` has a form that needs no escaping, and the members stand in
 * their canonical order, so the text is joined, not serialised.
 *
 * @param commitments canonical JSON of the commitments
 * @param data canonical JSON of the public data
 */
export function leafText(event: {
  readonly at: number
  readonly commitments: string
  readonly data: string
  readonly id: EventId
  readonly type: string
}): string {
  return `{"at":"${timestamp(event.at)}","commitments":${event.commitments},"data":${event.data},"id":"${event.id}","type":"${event.type}","version":1}`
}

const LEAF = z.strictObject({
  at: z.string(),
  commitments: z.custom<Readonly<Record<string, Sha256>>>(
    (value) =>
      isRecord(value) &&
      Object.entries(value).every(
        ([name, hash]) => isCommitmentName(name) && typeof hash === 'string' && isSha256(hash),
      ),
  ),
  // Whatever JSON.parse gave is JSON.
  data: z.custom<Readonly<Record<string, JsonValue>>>(isRecord),
  id: z.custom<EventId>((value) => typeof value === 'string' && isEventId(value)),
  type: z.string().refine(isEventType),
  version: z.literal(1),
})

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads an entry; undefined unless it is exactly the canonical text of one. */
export function parseLeaf(bytes: Uint8Array): LoggedEvent | undefined {
  let text: string
  let parsed: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const result = LEAF.safeParse(parsed)
  if (!result.success) return undefined
  const { at: atText, commitments, data, id, type } = result.data
  const at = Date.parse(atText)
  if (Number.isNaN(at)) return undefined
  try {
    const again = leafText({
      at,
      commitments: canonicalJson(commitments),
      data: canonicalJson(data),
      id,
      type,
    })
    return again === text ? { id, type, at, data, commitments } : undefined
  } catch {
    return undefined
  }
}
