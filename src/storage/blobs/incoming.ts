import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha256 } from '../../core/index.ts'
import { blobTooLarge, onDisk } from './blob-errors.ts'

const CHUNK_BYTES = 1024 * 1024

/** Names what this process writes: with its number alone, a later process of the same number would spare it. */
const PROCESS = `${process.pid}-${randomBytes(8).toString('hex')}`

/** A finished file that has no name of its own yet. */
export interface IncomingFile {
  readonly path: string
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/**
 * Copies the source into a new durable, read-only file and hashes it in the same pass. Each piece is copied to memory of
 * our own first, so that what is hashed is what is written, whoever else holds the source's buffer.
 * @throws what the source throws, `storage.blob-too-large`, errors of the disk. Then no file is left.
 */
export async function receive(
  directory: string,
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<IncomingFile> {
  const path = join(directory, `${PROCESS}-${randomBytes(8).toString('hex')}`)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await onDisk(directory, () => open(path, flags, 0o600))
  try {
    const digest = await copy(source, maxBytes, (bytes) => onDisk(directory, () => writeAll(file, bytes)))
    await onDisk(directory, async () => {
      await file.chmod(0o400)
      await file.sync()
      await file.close()
    })
    return { path, ...digest }
  } catch (thrown) {
    await file.close().catch(() => {})
    await unlink(path).catch(() => {})
    throw thrown
  }
}

async function copy(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let filled = 0
  let sizeBytes = 0
  const flush = async () => {
    const bytes = buffer.subarray(0, filled)
    hash.update(bytes)
    await write(bytes)
    filled = 0
  }
  for await (const piece of source) {
    sizeBytes += piece.byteLength
    if (sizeBytes > maxBytes) throw blobTooLarge(maxBytes)
    for (let taken = 0; taken < piece.byteLength; ) {
      const part = piece.subarray(taken, taken + CHUNK_BYTES - filled)
      buffer.set(part, filled)
      filled += part.byteLength
      taken += part.byteLength
      if (filled === CHUNK_BYTES) await flush()
    }
  }
  await flush()
  return { sha256: hash.digest('hex') as Sha256, sizeBytes }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    written += (await file.write(bytes, written, bytes.byteLength - written)).bytesWritten
  }
}

/** Removes what processes that died in the middle of a copy have left. */
export async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(PROCESS) || isOfLivingProcess(name)) continue
    await unlink(join(directory, name))
  }
}

function isOfLivingProcess(name: string): boolean {
  const pid = Number(/^(\d+)-/.exec(name)?.[1])
  if (!(pid > 0) || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}
