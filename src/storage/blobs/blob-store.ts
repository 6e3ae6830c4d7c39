import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isSha256, type Sha256 } from '../../core/index.ts'
import {
  blobCorrupt,
  blobMissing,
  blobTooLarge,
  blobUntrusted,
  digestMismatch,
  onDisk,
  storeUntrusted,
} from './blob-errors.ts'
import { receive, sweep } from './incoming.ts'

export interface PutOptions {
  /** Budget; one byte more is refused. */
  readonly maxBytes: number
  /** What the bytes must hash to. */
  readonly expected?: Sha256
}

export interface ReadOptions {
  /** Budget for the memory it takes; 2 GiB unless told. */
  readonly maxBytes?: number
}

export interface StoredBlob {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

const CHUNK_BYTES = 1024 * 1024
const DEFAULT_READ_BYTES = 2 * 1024 ** 3

/**
 * Files by the SHA-256 of their bytes, in `sha256/ab/abcdef…`, read-only. A file comes to its name only when all its
 * bytes are on the disk, so what has a name is whole. Nothing is believed on reading: the bytes are hashed again, and a
 * link or a file with a second name is refused.
 */
export class BlobStore {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Opens the store (its parent folder exists), makes it where there is none, and removes what killed processes left half-copied.
   * @throws SallyportError `storage.blob-store-untrusted`, `storage.disk-failed`, `storage.disk-full`.
   */
  static async open(directory: string): Promise<BlobStore> {
    const store = new BlobStore(resolve(directory))
    return onDisk(store.#directory, async () => {
      if (await makeFolder(store.#directory)) await syncFolder(dirname(store.#directory))
      for (const folder of [store.#incoming, store.#named]) {
        if (await makeFolder(folder)) await syncFolder(store.#directory)
      }
      await sweep(store.#incoming)
      return store
    })
  }

  /**
   * Copies bytes into the store, hashed in the one pass in which they are written. When it resolves they survive a power
   * cut. Putting what is there already replaces the file by an equal one, which also mends a damaged one.
   * @throws what the source throws, and SallyportError `storage.blob-too-large`, `storage.digest-mismatch`,
   *   `storage.disk-full`, `storage.disk-failed`, `storage.blob-store-untrusted`. Then nothing is left behind.
   */
  async put(source: AsyncIterable<Uint8Array>, { maxBytes, expected }: PutOptions): Promise<StoredBlob> {
    await onDisk(this.#directory, () => requireFolder(this.#incoming))
    const { path, sha256, sizeBytes } = await receive(this.#incoming, source, maxBytes)
    return onDisk(this.#directory, async () => {
      try {
        if (expected !== undefined && expected !== sha256) throw digestMismatch(expected, sha256)
        const shard = this.#shardOf(sha256)
        await requireFolder(this.#named)
        // Even if it was there: another put may have made it a moment ago and not have synced it yet.
        await makeFolder(shard)
        await syncFolder(this.#named)
        await rename(path, join(shard, sha256))
        await syncFolder(shard)
      } catch (thrown) {
        await unlink(path).catch(() => {})
        throw thrown
      }
      return { sha256, sizeBytes }
    })
  }

  /**
   * All bytes of a blob, hashed in the pass in which they were read.
   * @throws SallyportError `storage.blob-missing`, `storage.blob-corrupt`, `storage.blob-untrusted`,
   *   `storage.blob-too-large`, `storage.disk-failed`.
   */
  async read(sha256: Sha256, { maxBytes = DEFAULT_READ_BYTES }: ReadOptions = {}): Promise<Buffer> {
    return onDisk(this.#directory, async () => {
      const { file, sizeBytes } = await this.#openFile(sha256)
      try {
        if (sizeBytes > maxBytes) throw blobTooLarge(maxBytes)
        const bytes = Buffer.allocUnsafeSlow(sizeBytes)
        const hash = createHash('sha256')
        for (let position = 0; position < sizeBytes; ) {
          const length = Math.min(CHUNK_BYTES, sizeBytes - position)
          const { bytesRead } = await file.read(bytes, position, length, position)
          if (bytesRead === 0) throw blobCorrupt(sha256)
          hash.update(bytes.subarray(position, position + bytesRead))
          position += bytesRead
        }
        if (hash.digest('hex') !== sha256) throw blobCorrupt(sha256)
        return bytes
      } finally {
        await file.close()
      }
    })
  }

  /**
   * The bytes of a blob piece by piece, each at most 1 MiB. The last piece is given only when all of them were found to
   * hash to the name: a reader that sees the end has seen the truth, one that acts earlier must be able to undo.
   * @throws SallyportError as `read` does.
   */
  async *openStream(sha256: Sha256): AsyncGenerator<Buffer> {
    const { file } = await onDisk(this.#directory, () => this.#openFile(sha256))
    try {
      const hash = createHash('sha256')
      let held: Buffer | undefined
      for (;;) {
        const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
        const { bytesRead } = await onDisk(this.#directory, () => file.read(buffer, 0, CHUNK_BYTES, null))
        if (bytesRead === 0) break
        const piece = buffer.subarray(0, bytesRead)
        hash.update(piece)
        if (held !== undefined) yield held
        held = piece
      }
      if (hash.digest('hex') !== sha256) throw blobCorrupt(sha256)
      if (held !== undefined) yield held
    } finally {
      await file.close()
    }
  }

  /** Whether a file stands under that name; only reading proves its bytes. */
  async has(sha256: Sha256): Promise<boolean> {
    const found = await lstat(this.#pathOf(sha256)).catch(() => undefined)
    return found?.isFile() === true && found.nlink === 1
  }

  /** Removes a blob for good; false where there was none. */
  async delete(sha256: Sha256): Promise<boolean> {
    return onDisk(this.#directory, async () => {
      const shard = this.#shardOf(sha256)
      try {
        await requireFolder(shard)
        await unlink(join(shard, sha256))
      } catch (thrown) {
        if (isMissing(thrown)) return false
        throw thrown
      }
      await syncFolder(shard)
      return true
    })
  }

  /** What the store holds, ordered by digest; whatever else lies in its folders is passed over. */
  async *list(): AsyncGenerator<StoredBlob> {
    const shards = await onDisk(this.#directory, () => readdir(this.#named))
    for (const shard of shards.sort()) {
      const folder = join(this.#named, shard)
      if (!/^[0-9a-f]{2}$/.test(shard) || !(await lstat(folder)).isDirectory()) continue
      const names = await onDisk(this.#directory, () => readdir(folder))
      for (const name of names.sort()) {
        if (!isSha256(name) || !name.startsWith(shard)) continue
        const found = await lstat(join(folder, name)).catch(() => undefined)
        if (found?.isFile() === true) yield { sha256: name, sizeBytes: found.size }
      }
    }
  }

  get #incoming(): string {
    return join(this.#directory, 'incoming')
  }

  get #named(): string {
    return join(this.#directory, 'sha256')
  }

  #shardOf(sha256: Sha256): string {
    return join(this.#named, sha256.slice(0, 2))
  }

  #pathOf(sha256: Sha256): string {
    return join(this.#shardOf(sha256), sha256)
  }

  async #openFile(sha256: Sha256): Promise<{ file: FileHandle; sizeBytes: number }> {
    // Not blocking: a named pipe in the place of a blob would hold the caller forever.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    let file: FileHandle
    try {
      await requireFolder(this.#shardOf(sha256))
      file = await open(this.#pathOf(sha256), flags)
    } catch (thrown) {
      if (isMissing(thrown)) throw blobMissing(sha256)
      if (hasCode(thrown, 'ELOOP') || hasCode(thrown, 'ENXIO'))
        throw blobUntrusted(sha256, 'a link or a device')
      throw thrown
    }
    const found = await file.stat()
    // No name: it was put again, or deleted, since we opened it.
    if (found.isFile() && found.nlink <= 1) return { file, sizeBytes: found.size }
    await file.close()
    throw blobUntrusted(sha256, describe(found))
  }
}

/** Makes one folder; true where it was not there. */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 })
    return true
  } catch (thrown) {
    if (!hasCode(thrown, 'EEXIST')) throw thrown
    await requireFolder(path)
    return false
  }
}

/** A folder that was swapped for a link would lead out of the store. */
async function requireFolder(path: string): Promise<void> {
  const found = await lstat(path)
  if (!found.isDirectory()) throw storeUntrusted(path, describe(found))
}

/** Makes names durable: a file's own sync does not cover the entry in its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function describe(found: Stats): string {
  if (found.isSymbolicLink()) return 'a link'
  if (found.isDirectory()) return 'a folder'
  return found.isFile() ? 'a file with more than one name' : 'a device'
}

const isMissing = (thrown: unknown): boolean => hasCode(thrown, 'ENOENT')

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code
}
