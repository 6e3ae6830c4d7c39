import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
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
const FormatSchema = z.object({
  format: z.literal('sallyport-state'),
  version: z.int().min(1),
  instance: z.string().regex(/^[0-9a-f]{16}$/),
})

/** Whether a state folder stands at the path; says nothing of its health. */
export function isStateFolder(path: string): boolean {
  return existsSync(join(path, 'format.json'))
}

/**
 * Makes a state folder in an empty or missing directory; gives the one that is there if it is ours.
 * @throws SallyportError `state.foreign` when the directory holds something else.
 */
export function createStateFolder(path: string): StateFolder {
  const directory = resolve(path)
  if (isStateFolder(directory)) return openStateFolder(directory)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  // A crash of the first start leaves at most the lock and an unfinished format file.
  const strangers = readdirSync(directory).filter(
    (name) => !/^(?:lock(?:-journal|-wal|-shm)?|format\.json\.new)$/.test(name),
  )
  if (strangers.length > 0) {
    throw new SallyportError(
      'state.foreign',
      `${directory} is not empty and is not a state folder of Sallyport`,
      {
        kind: 'conflict',
        remedy: 'give an empty or new directory with --state',
      },
    )
  }
  writeDurably(directory, 'format.json', {
    format: 'sallyport-state',
    version: FORMAT_VERSION,
    instance: randomBytes(8).toString('hex'),
  })
  return openStateFolder(directory)
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
  const { instance } = readFormat(directory)
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

function readFormat(directory: string): z.infer<typeof FormatSchema> {
  let format: z.infer<typeof FormatSchema>
  try {
    format = FormatSchema.parse(JSON.parse(readFileSync(join(directory, 'format.json'), 'utf8')))
  } catch (cause) {
    throw new SallyportError(
      'state.foreign',
      `${join(directory, 'format.json')} was not written by Sallyport`,
      {
        kind: 'conflict',
        remedy: 'restore the file from a backup, or name another state folder with --state',
        cause,
      },
    )
  }
  if (format.version > FORMAT_VERSION) {
    throw new SallyportError('state.newer', `${directory} was written by a newer Sallyport`, {
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

function writeDurably(directory: string, name: string, value: unknown): void {
  const temporary = join(directory, `${name}.new`)
  const file = openSync(temporary, 'w', 0o600)
  writeSync(file, `${JSON.stringify(value, null, 2)}\n`)
  fsyncSync(file)
  closeSync(file)
  renameSync(temporary, join(directory, name))
  const folder = openSync(directory, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
