import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { SallyportError } from '../core/index.ts'

/** Where everything lasting of one machine stands. */
export interface StateFolder {
  readonly path: string
  /** Random id of this installation; names its log. */
  readonly instance: string
  readonly keys: string
  readonly records: string
  readonly blobs: string
  readonly log: string
  /** Sockets and other things of the running process. */
  readonly run: string
}

const FORMAT_VERSION = 1
const FINISHED = 'format.json'
const UNFINISHED = 'format.json.new'
const FormatSchema = z.object({
  format: z.literal('sallyport-state'),
  version: z.int().min(1),
  instance: z.string().regex(/^[0-9a-f]{16}$/),
})

/** Whether a state folder stands at the path; says nothing of its health. */
export function isStateFolder(path: string): boolean {
  return existsSync(join(path, FINISHED))
}

/** A state folder that is being made: it counts as one only when `finish` was called. */
export interface NewStateFolder {
  readonly folder: StateFolder
  finish(): void
}

/**
 * Begins a state folder in an empty or missing directory, or goes on with one whose first start was interrupted. What
 * belongs into it is made by others; until it is finished the next start begins again.
 * @throws SallyportError `state.foreign` when the directory holds something else.
 */
export function beginStateFolder(path: string): NewStateFolder {
  const directory = resolve(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const unfinished = join(directory, UNFINISHED)
  if (!existsSync(unfinished)) {
    if (readdirSync(directory).length > 0) throw foreign(directory)
    const format = {
      format: 'sallyport-state',
      version: FORMAT_VERSION,
      instance: randomBytes(8).toString('hex'),
    }
    writeDurably(unfinished, `${JSON.stringify(format, null, 2)}\n`)
  }
  requirePrivate(directory)
  const { instance } = readFormat(unfinished)
  return {
    folder: toStateFolder(directory, instance),
    finish() {
      renameSync(unfinished, join(directory, FINISHED))
      synchronise(directory)
    },
  }
}

/**
 * @throws SallyportError `state.missing`, `state.foreign`, `state.newer`, `state.permissions`.
 */
export function openStateFolder(path: string): StateFolder {
  const directory = resolve(path)
  if (!isStateFolder(directory)) {
    throw new SallyportError('state.missing', `there is no state folder at ${directory}`, {
      kind: 'not-found',
      remedy: 'start one with `sallyport up`, or name another with --state',
    })
  }
  requirePrivate(directory)
  const { instance } = readFormat(join(directory, FINISHED))
  return toStateFolder(directory, instance)
}

function toStateFolder(directory: string, instance: string): StateFolder {
  const inside = (name: string) => join(directory, name)
  return {
    path: directory,
    instance,
    keys: inside('keys'),
    records: inside('records.db'),
    blobs: inside('blobs'),
    log: inside('log'),
    run: inside('run'),
  }
}

function readFormat(path: string): z.infer<typeof FormatSchema> {
  let format: z.infer<typeof FormatSchema>
  try {
    format = FormatSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new SallyportError('state.foreign', `${path} was not written by Sallyport`, {
      kind: 'conflict',
      remedy: 'restore the file from a backup, or name another state folder with --state',
      cause,
    })
  }
  if (format.version > FORMAT_VERSION) {
    throw new SallyportError('state.newer', `${path} was written by a newer Sallyport`, {
      kind: 'conflict',
      remedy: 'run that version; state is never downgraded',
    })
  }
  return format
}

/** Another user who may write here could replace keys and models. */
function requirePrivate(directory: string): void {
  const { mode, uid } = statSync(directory)
  const own = process.getuid?.()
  if (own === undefined) return
  if (uid === own && (mode & 0o022) === 0) return
  throw new SallyportError(
    'state.permissions',
    `${directory} belongs to another user or is writable by others`,
    {
      kind: 'conflict',
      remedy: `run as its owner; chmod 700 ${directory}`,
    },
  )
}

function foreign(directory: string): SallyportError {
  return new SallyportError(
    'state.foreign',
    `${directory} is not empty and is not a state folder of Sallyport`,
    {
      kind: 'conflict',
      remedy: 'give an empty or new directory with --state',
    },
  )
}

/** The file is there whole or not at all, and stays after a power cut; one that is there already is kept. */
function writeDurably(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`
  const file = openSync(temporary, 'w', 0o600)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  try {
    linkSync(temporary, path)
  } catch (thrown) {
    if (!existsSync(path)) throw thrown
  } finally {
    unlinkSync(temporary)
  }
  synchronise(dirname(path))
}

function synchronise(directory: string): void {
  const folder = openSync(directory, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
