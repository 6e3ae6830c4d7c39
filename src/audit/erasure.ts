import { z } from 'zod'
import type { EventId } from '../core/index.ts'
import { corrupt } from './errors.ts'
import type { EventInput, LoggedEvent } from './event.ts'
import { isEventId } from './event-ids.ts'
import { writeAt } from './file-access.ts'
import { SIDE_FILE } from './files.ts'
import type { LogFiles } from './log-files.ts'
import type { LogReader } from './log-reader.ts'
import { eraseSlot } from './side-record.ts'

/** The event that says a value was erased. It is durable before the value goes, so that a crash can be made good. */
export const ERASED_TYPE = 'audit.erased'

export interface Erasure {
  readonly event: EventId
  /** Of the commitment. */
  readonly name: string
}

const DATA = z.strictObject({
  event: z.custom<EventId>((value) => typeof value === 'string' && isEventId(value)),
  name: z.string(),
})

export function erasureEvent(erasure: Erasure): EventInput {
  return { type: ERASED_TYPE, data: { event: erasure.event, name: erasure.name } }
}

/** The erasure that an event records; undefined for every other event. */
export function erasureOf(event: LoggedEvent): Erasure | undefined {
  if (event.type !== ERASED_TYPE) return undefined
  return DATA.safeParse(event.data).data
}

/** Overwrites the slot of a commitment, salt and value, durably. Doing it again changes nothing. */
export async function eraseOpening(
  files: LogFiles,
  reader: LogReader,
  index: number,
  slot: number,
): Promise<void> {
  const { bytes, position } = await reader.sideRecord(index)
  if (!eraseSlot(bytes, slot)) throw corrupt('the record does not fit its entry', { file: SIDE_FILE, index })
  await new Promise<void>((resolve, reject) => {
    writeAt(files.side.fd, bytes, position, (error) => (error === undefined ? resolve() : reject(error)))
  })
}
