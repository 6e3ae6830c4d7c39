import { SallyportError } from '../core/index.ts'

/** Where damage was found. Offsets are in bytes from the start of the file. */
export interface DamagePlace {
  readonly file: string
  readonly offset?: number
  /** Index of the entry concerned. */
  readonly index?: number
}

/** What stands on disk is not what was written. */
export function corrupt(what: string, place: DamagePlace, cause?: unknown): SallyportError {
  const at = place.offset === undefined ? '' : ` at byte ${place.offset}`
  const entry = place.index === undefined ? '' : ` (entry ${place.index})`
  return new SallyportError('audit.log-corrupt', `the log is damaged: ${place.file}${at}${entry}: ${what}`, {
    kind: 'internal',
    remedy:
      'keep a copy of the log folder as evidence, find out who or what changed it, then restore the folder from a backup',
    details: { ...place },
    cause,
  })
}

/** The files are consistent with each other, but not with what was signed before. */
export function historyChanged(size: number): SallyportError {
  return new SallyportError(
    'audit.history-changed',
    `the log does not continue from the earlier checkpoint of ${size} entries: it was cut back or written anew`,
    {
      kind: 'internal',
      remedy: 'keep the log folder and the checkpoint as evidence: together they prove the change',
      details: { size },
    },
  )
}

export function fileMissing(file: string, directory: string): SallyportError {
  return new SallyportError(
    'audit.file-missing',
    `the log is damaged: ${file} is missing from ${directory}`,
    {
      kind: 'internal',
      remedy: 'restore the whole log folder from a backup; nothing was changed',
      details: { file, directory },
    },
  )
}

/** The operating system refused: `operation` names what was tried, the code is the system's. */
export function diskFailed(operation: string, cause: unknown): SallyportError {
  const errno = errnoOf(cause)
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG'
  return new SallyportError(
    'audit.disk-failed',
    `the log could not ${operation}: ${isFull ? 'no space left' : 'the disk failed'} (${errno ?? 'unknown'})`,
    {
      kind: 'unavailable',
      remedy: isFull
        ? 'free space (or raise the quota) where the log folder stands, then restart; nothing acknowledged is lost'
        : 'check the disk and the permissions of the log folder, then restart; nothing acknowledged is lost',
      details: errno === undefined ? { operation } : { operation, errno },
      cause,
    },
  )
}

export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined
}

export function eventInvalid(why: string): SallyportError {
  return new SallyportError('audit.event-invalid', `the event cannot be logged: ${why}`, {
    kind: 'internal',
    remedy: 'this is a defect in the part that records the event; report it',
  })
}

export function eventTooLarge(what: string, limitBytes: number): SallyportError {
  return new SallyportError('audit.event-too-large', `${what} is larger than ${limitBytes} bytes`, {
    kind: 'too-large',
    remedy: 'record less in clear; commit to large values instead of writing them',
    details: { limitBytes },
  })
}

export function unknownEvent(id: string): SallyportError {
  return new SallyportError('audit.event-unknown', 'the log has no such event', {
    kind: 'not-found',
    remedy: 'check the event id; `sallyport audit show` lists events',
    details: { id },
  })
}
