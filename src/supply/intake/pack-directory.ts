import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Pack } from 'tar-stream'
import { bytesOf } from './bytes-of.ts'
import { readDirectory } from './read-directory.ts'

/**
 * A directory as a tar archive, made while it is read. The same files give the same bytes: no times, owners or modes of
 * this machine stand in it.
 *
 * The stream fails with what `readDirectory` throws.
 */
export function packDirectory(directory: string): Readable {
  return Readable.from(archiveOf(directory), { objectMode: false })
}

async function* archiveOf(directory: string): AsyncGenerator<Uint8Array> {
  const { pack } = await import('tar-stream')
  const archive = pack()
  const filling = fill(archive, directory).catch((failure: unknown) => {
    archive.destroy(failure instanceof Error ? failure : new Error('packing failed', { cause: failure }))
  })
  try {
    yield* bytesOf(archive)
  } finally {
    archive.destroy()
    await filling
  }
}

async function fill(archive: Pack, directory: string): Promise<void> {
  for await (const { path, sizeBytes, content } of readDirectory(directory)) {
    const header = { name: path, size: sizeBytes, type: 'file', mode: 0o644, mtime: new Date(0) } as const
    await pipeline(content, archive.entry(header))
  }
  archive.finalize()
}
