import { type FileHandle, mkdir, open, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EMPTY_ROOT, type NoteSigner, signCheckpoint } from '../crypto/index.ts'
import { fileMissing } from './errors.ts'
import { syncDirectory } from './file-access.ts'
import {
  ALL_FILES,
  DESCRIPTION_FILE,
  ENTRIES_FILE,
  formatDescription,
  formatHead,
  HEAD_FILE,
  INDEX_FILE,
  LEVEL_FILES,
  SIDE_FILE,
} from './files.ts'
import { checkpointFrame } from './frames.ts'

/**
 * Whether a folder holds a log.
 *
 * @returns `none` also for what is left when the making of a log was cut short
 * @throws {SallyportError} `audit.file-missing` when the folder holds parts of a log that was whole once
 */
export async function findLog(directory: string): Promise<'none' | 'log'> {
  const present = new Set(await listOrNothing(directory))
  if (present.has(DESCRIPTION_FILE)) return 'log'
  for (const file of ALL_FILES) {
    if (!present.has(file) || file === HEAD_FILE) continue
    const { size } = await stat(join(directory, file))
    // Only the first checkpoint frame stands in the files of a log that was never opened.
    if (size > (file === ENTRIES_FILE ? 1024 : 0)) throw fileMissing(DESCRIPTION_FILE, directory)
  }
  return 'none'
}

async function listOrNothing(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Makes an empty log: a signed checkpoint of size 0, and the description last. */
export async function createLog(directory: string, origin: string, signer: NoteSigner): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const genesis = checkpointFrame(signCheckpoint({ origin, size: 0, root: EMPTY_ROOT }, signer), 0)
  const head = formatHead({
    acknowledged: { size: 0, entriesBytes: genesis.length, sideBytes: 0 },
    durable: { size: 0, entriesBytes: 0, sideBytes: 0 },
  })
  await createFile(join(directory, ENTRIES_FILE), genesis)
  for (const file of [SIDE_FILE, INDEX_FILE, ...LEVEL_FILES]) {
    await createFile(join(directory, file), Buffer.alloc(0))
  }
  await createFile(join(directory, HEAD_FILE), head)
  await syncDirectory(directory)
  const draft = join(directory, `${DESCRIPTION_FILE}.new`)
  await createFile(draft, Buffer.from(formatDescription({ origin, vkey: signer.vkey }), 'utf8'))
  await rename(draft, join(directory, DESCRIPTION_FILE))
  await syncDirectory(directory)
}

async function createFile(path: string, content: Buffer): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'w', 0o600)
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle?.close()
  }
}
