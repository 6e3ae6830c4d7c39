import { type DestinationStream, pino } from 'pino'
import { SallyportError } from '../core/index.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Everything a log line can hold besides its time, level and event. There is no field for a body, a header, a key, a
 * prompt or a feature, and a field that is not listed here does not reach the line, whatever the caller passed.
 */
export interface LogFields {
  readonly exchange?: string
  readonly eventId?: string
  readonly model?: string
  readonly version?: string
  readonly artifact?: string
  readonly environment?: string
  readonly code?: string
  readonly status?: number
  readonly durationMs?: number
  readonly count?: number
  readonly sizeBytes?: number
  readonly listener?: string
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly processId?: number
  readonly signal?: string
  readonly control?: string
  /** Anything thrown; written as its code, kind, name and stack frames, never as its message. */
  readonly error?: unknown
}

const PLAIN_FIELDS = [
  'exchange',
  'eventId',
  'model',
  'version',
  'artifact',
  'environment',
  'code',
  'status',
  'durationMs',
  'count',
  'sizeBytes',
  'listener',
  'host',
  'port',
  'path',
  'processId',
  'signal',
  'control',
] as const satisfies readonly Exclude<keyof LogFields, 'error'>[]

/** Writes one JSON object a line. `event` is a fixed sentence of the program, never made from input. */
export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** Where lines go; standard error unless given. */
  readonly destination?: DestinationStream
}

/** A logger that cannot hold content: see `LogFields`. */
export function createLogger(options: LoggerOptions): Logger {
  const lines = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'event' },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  )
  return {
    debug: (event, fields) => lines.debug(allowed(fields), event),
    info: (event, fields) => lines.info(allowed(fields), event),
    warn: (event, fields) => lines.warn(allowed(fields), event),
    error: (event, fields) => lines.error(allowed(fields), event),
  }
}

function allowed(fields: LogFields | undefined): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  if (fields === undefined) return line
  for (const name of PLAIN_FIELDS) {
    const value = fields[name]
    if (typeof value === 'string' || typeof value === 'number') line[name] = value
  }
  if (fields.error !== undefined) line['error'] = describeError(fields.error)
  return line
}

/** An error without its message: messages of foreign libraries may quote what they were given. */
function describeError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { name: typeof thrown }
  const description: Record<string, unknown> = { name: thrown.name }
  if (thrown instanceof SallyportError) {
    description['code'] = thrown.code
    description['kind'] = thrown.kind
  } else if ('code' in thrown && typeof thrown.code === 'string') {
    description['code'] = thrown.code
  }
  description['frames'] = framesOf(thrown)
  if (thrown.cause !== undefined) description['cause'] = describeError(thrown.cause)
  return description
}

/** The stack below the message. A message of several lines could imitate a frame, so it is cut off by its length. */
function framesOf(error: Error): string[] {
  const stack = error.stack ?? ''
  const end = stack.indexOf(error.message)
  const frames = end === -1 ? '' : stack.slice(end + error.message.length)
  return frames
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
}
