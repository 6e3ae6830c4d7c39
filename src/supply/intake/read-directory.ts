import type { Dirent } from 'node:fs'
import { constants, type FileHandle, open, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { SallyportError } from '../../core/index.ts'
import { UNSIGNED_NAMES } from './artifact-path.ts'
import { DEFAULT_INTAKE_BUDGET, type IncomingFile } from './incoming-file.ts'
import { comparePaths } from './path-order.ts'

/** A regular file of a directory, with the size it had when it was opened. */
export interface DirectoryFile extends IncomingFile {
  readonly sizeBytes: number
}

export interface ReadDirectoryOptions {
  /** Most entries looked at, directories included. */
  readonly maxEntries?: number
  /** True for a path (relative, `/`-separated) that is not given, nor anything below it. */
  readonly isExcluded?: (path: string) => boolean
}

const READ_BYTES = 1024 * 1024
const MAX_DEPTH = 32

/**
 * Every regular file below a directory, in the order of their paths' UTF-8 bytes, each opened when it is asked for and
 * closed when it was read. The four names that model signatures leave out (`.git`, `.gitignore`, `.gitattributes`,
 * `.github`, at the top only) are skipped.
 *
 * No link is followed, neither by name nor by a race: each file is opened with O_NOFOLLOW and must be the one that was
 * listed. A file whose size or time of change differs after it was read is refused.
 * @throws SallyportError `supply.directory-unreadable`, `supply.special-file` (invalid), `supply.file-changed`
 *   (conflict), `supply.too-many-files`, `supply.too-deep` (too-large).
 */
export async function* readDirectory(
  directory: string,
  { maxEntries = 10 * DEFAULT_INTAKE_BUDGET.maxFiles, isExcluded = isUnsigned }: ReadDirectoryOptions = {},
): AsyncGenerator<DirectoryFile> {
  const paths = await listFiles(directory, maxEntries, isExcluded)
  for (const path of paths.sort(comparePaths)) yield* readFile(join(directory, path), path)
}

/**
 * One regular file, opened and watched as `readDirectory` does.
 * @param path what the file is called.
 */
export async function* readFile(location: string, path: string): AsyncGenerator<DirectoryFile> {
  const handle = await openRegular(location, path)
  try {
    const sizeBytes = (await handle.stat()).size
    yield { path, sizeBytes, content: readUnchanged(handle, path) }
  } finally {
    await handle.close()
  }
}

export function isUnsigned(path: string): boolean {
  return UNSIGNED_NAMES.includes(path)
}

async function listFiles(
  root: string,
  maxEntries: number,
  isExcluded: (path: string) => boolean,
): Promise<string[]> {
  const files: string[] = []
  const pending = ['']
  let entries = 0
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    for await (const entry of await openDirectory(join(root, parent))) {
      entries += 1
      if (entries > maxEntries) throw tooManyEntries(maxEntries)
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`
      if (isExcluded(path)) continue
      if (entry.isFile()) files.push(path)
      else if (entry.isDirectory()) pending.push(requireDepth(path))
      else throw specialFile(entry, path)
    }
  }
  return files
}

async function openDirectory(path: string) {
  try {
    return await opendir(path)
  } catch (cause) {
    throw new SallyportError(
      'supply.directory-unreadable',
      `the directory ${printable(path)} cannot be read`,
      {
        kind: 'invalid',
        remedy: 'give the path of a directory that this user may read',
        cause,
      },
    )
  }
}

async function openRegular(location: string, path: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    // O_NONBLOCK: a pipe that took the file's place after it was listed must not hold us.
    handle = await open(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw new SallyportError('supply.file-unreadable', `the file ${printable(path)} cannot be opened`, {
      kind: 'invalid',
      remedy: 'make it a regular file that this user may read; links are not followed',
      cause,
    })
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw notRegular(path)
}

async function* readUnchanged(handle: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  const before = await handle.stat({ bigint: true })
  let bytes = 0n
  for (;;) {
    // A fresh buffer a piece: whoever takes it may keep it.
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, null)
    if (bytesRead === 0) break
    bytes += BigInt(bytesRead)
    if (bytes > before.size) throw changed(path)
    yield buffer.subarray(0, bytesRead)
  }
  const after = await handle.stat({ bigint: true })
  if (bytes !== before.size || after.size !== before.size || after.mtimeNs !== before.mtimeNs)
    throw changed(path)
}

function requireDepth(path: string): string {
  if (path.split('/').length <= MAX_DEPTH) return path
  throw new SallyportError('supply.too-deep', `directories are nested deeper than ${MAX_DEPTH}`, {
    kind: 'too-large',
    remedy: 'push a flatter directory',
  })
}

function specialFile(entry: Dirent, path: string): SallyportError {
  if (!entry.isSymbolicLink()) return notRegular(path)
  return new SallyportError('supply.special-file', `${printable(path)} is a symbolic link`, {
    kind: 'invalid',
    remedy: 'put the file itself in the directory',
    details: { type: 'symbolic-link' },
  })
}

function notRegular(path: string): SallyportError {
  return new SallyportError('supply.special-file', `${printable(path)} is not a regular file`, {
    kind: 'invalid',
    remedy: 'take devices, pipes and sockets out of the directory',
    details: { type: 'special' },
  })
}

function changed(path: string): SallyportError {
  return new SallyportError('supply.file-changed', `the file ${printable(path)} changed while it was read`, {
    kind: 'conflict',
    remedy: 'wait until nothing writes to it and try again',
  })
}

function tooManyEntries(maxEntries: number): SallyportError {
  return new SallyportError('supply.too-many-files', `the directory has more than ${maxEntries} entries`, {
    kind: 'too-large',
    remedy: 'push only what belongs to the model',
    details: { maxEntries },
  })
}

/** A name from a file system may hold escape sequences; a message may not. */
function printable(path: string): string {
  return JSON.stringify(path.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd'))
}
