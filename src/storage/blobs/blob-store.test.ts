import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Child } from '../../../test/support/child.ts'
import { scratchFolder } from '../../../test/support/scratch.ts'
import type { Sha256 } from '../../core/index.ts'
import { BlobStore } from './blob-store.ts'

let folder: string
let store: BlobStore
beforeEach(async () => {
  folder = scratchFolder('blobs')
  store = await BlobStore.open(join(folder, 'blobs'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex') as Sha256
const bytes = Buffer.from('the bytes of a model')
const unlimited = { maxBytes: 2 ** 40 }

async function* pieces(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

const pathOf = (sha256: Sha256) => join(folder, 'blobs/sha256', sha256.slice(0, 2), sha256)

/** Every file below the store, half-copied ones too. */
const files = () =>
  readdirSync(join(folder, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)

async function putBytes(): Promise<Sha256> {
  return (await store.put(pieces(bytes), unlimited)).sha256
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

/** Changes a stored file as somebody with access to the folder could. */
function tamper(sha256: Sha256, change: (path: string) => void): void {
  chmodSync(pathOf(sha256), 0o600)
  change(pathOf(sha256))
}

describe('a blob', () => {
  test('is stored under the SHA-256 of its bytes, read-only', async () => {
    expect(await store.put(pieces(bytes), unlimited)).toEqual({
      sha256: digest(bytes),
      sizeBytes: bytes.length,
    })
    expect(readFileSync(pathOf(digest(bytes)))).toEqual(bytes)
    expect(statSync(pathOf(digest(bytes))).mode & 0o777).toBe(0o400)
    expect(statSync(dirname(pathOf(digest(bytes)))).mode & 0o777).toBe(0o700)
  })

  test('may be empty', async () => {
    const { sha256, sizeBytes } = await store.put(pieces(), unlimited)
    expect([sha256, sizeBytes]).toEqual([digest(new Uint8Array()), 0])
    expect(await store.read(sha256)).toEqual(Buffer.alloc(0))
    expect(await collect(store.openStream(sha256))).toEqual(Buffer.alloc(0))
  })

  test('comes back as it was put, however it was cut', async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(parts, async (cut) => {
        const whole = Buffer.concat(cut)
        const { sha256 } = await store.put(pieces(...cut), unlimited)
        expect(sha256).toBe(digest(whole))
        expect(await store.read(sha256)).toEqual(whole)
        expect(await collect(store.openStream(sha256))).toEqual(whole)
      }),
      { numRuns: 25 },
    )
  })

  test.each([1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 5_000_000])(
    'of %i bytes comes back whole',
    async (sizeBytes) => {
      const large = Buffer.alloc(sizeBytes, 'pattern ')
      const { sha256 } = await store.put(pieces(large.subarray(0, 7), large.subarray(7)), unlimited)
      expect(sha256).toBe(digest(large))
      expect((await store.read(sha256)).equals(large)).toBe(true)
      expect((await collect(store.openStream(sha256))).equals(large)).toBe(true)
    },
  )

  test('is what was hashed, even when the source changes its buffer after handing it over', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3_000_000)).fill(1)
    async function* changing(): AsyncGenerator<Uint8Array> {
      yield shared
    }
    const putting = store.put(changing(), unlimited)
    const meddling = setInterval(() => shared.fill(Math.random() * 256), 0)
    const { sha256 } = await putting
    clearInterval(meddling)
    expect(digest(readFileSync(pathOf(sha256)))).toBe(sha256)
  })

  test('is stored once, however often and however concurrently it is put', async () => {
    const large = Buffer.alloc(3_000_000, 'x')
    const stored = await Promise.all(
      Array.from({ length: 8 }, () => store.put(pieces(large, bytes), unlimited)),
    )
    expect(new Set(stored.map(({ sha256 }) => sha256)).size).toBe(1)
    expect(files()).toEqual([digest(Buffer.concat([large, bytes]))])
  })

  test('is listed, and gone once deleted', async () => {
    const sha256 = await putBytes()
    await store.put(pieces(), unlimited)
    const listed = []
    for await (const blob of store.list()) listed.push(blob)
    expect(listed).toContainEqual({ sha256, sizeBytes: bytes.length })
    expect(listed).toHaveLength(2)
    expect(await store.has(sha256)).toBe(true)
    expect(await store.delete(sha256)).toBe(true)
    expect(await store.delete(sha256)).toBe(false)
    expect(await store.has(sha256)).toBe(false)
    await expect(store.read(sha256)).rejects.toMatchObject({
      code: 'storage.blob-missing',
      kind: 'not-found',
    })
    await expect(collect(store.openStream(sha256))).rejects.toMatchObject({ code: 'storage.blob-missing' })
  })
})

describe('a copy that ends early leaves nothing behind', () => {
  test('when its source fails, and throws what the source threw', async () => {
    const failure = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' })
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(2_000_000)
      throw failure
    }
    await expect(store.put(failing(), unlimited)).rejects.toBe(failure)
    expect(files()).toEqual([])
  })

  test('when it is over its budget by one byte', async () => {
    const put = store.put(pieces(bytes), { maxBytes: bytes.length - 1 })
    await expect(put).rejects.toMatchObject({ code: 'storage.blob-too-large', kind: 'too-large' })
    expect(files()).toEqual([])
    await store.put(pieces(bytes), { maxBytes: bytes.length })
  })

  test('when the source would never end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536)
    }
    const put = store.put(endless(), { maxBytes: 1_000_000 })
    await expect(put).rejects.toMatchObject({ code: 'storage.blob-too-large' })
    expect(files()).toEqual([])
  })

  test('when its bytes are not those that were announced', async () => {
    const expected = digest(Buffer.from('other bytes'))
    await expect(store.put(pieces(bytes), { ...unlimited, expected })).rejects.toMatchObject({
      code: 'storage.digest-mismatch',
      kind: 'refused',
      details: { expected, actual: digest(bytes) },
    })
    expect(files()).toEqual([])
  })

  test('when the disk is full', async () => {
    const child = Child.start('put-blob.ts', [join(folder, 'blobs'), '8000000'], { fileLimitKiB: 2048 })
    expect(await child.rest()).toEqual(['storage.disk-full'])
    expect(files()).toEqual([])
  })

  test('when its process is killed, once the store is opened again', async () => {
    const child = Child.start('put-blob.ts', [join(folder, 'blobs'), 'endless'])
    expect(await child.line()).toBe('copying')
    await BlobStore.open(join(folder, 'blobs'))
    expect(files()).toHaveLength(1)
    await child.kill()
    expect(files()).toHaveLength(1)
    await BlobStore.open(join(folder, 'blobs'))
    expect(files()).toEqual([])
  })

  test('while another part of the process opens the store, without harm to the copy', async () => {
    async function* reopening(): AsyncGenerator<Uint8Array> {
      yield bytes
      await BlobStore.open(join(folder, 'blobs'))
    }
    expect((await store.put(reopening(), unlimited)).sha256).toBe(digest(bytes))
  })
})

describe('a blob that somebody changed', () => {
  const refuses = async (sha256: Sha256, code: string) => {
    await expect(store.read(sha256)).rejects.toMatchObject({ code, kind: 'refused' })
    await expect(collect(store.openStream(sha256))).rejects.toMatchObject({ code, kind: 'refused' })
  }

  test('in one bit is refused', async () => {
    const sha256 = await putBytes()
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(3) ^ 1, 3)
    tamper(sha256, (path) => writeFileSync(path, changed))
    await refuses(sha256, 'storage.blob-corrupt')
  })

  test('by a byte more or a byte less is refused', async () => {
    const sha256 = await putBytes()
    tamper(sha256, (path) => appendFileSync(path, '\0'))
    await refuses(sha256, 'storage.blob-corrupt')
    tamper(sha256, (path) => truncateSync(path, bytes.length - 1))
    await refuses(sha256, 'storage.blob-corrupt')
  })

  test('is never streamed to its end', async () => {
    const large = Buffer.alloc(3_500_000, 'x')
    const { sha256 } = await store.put(pieces(large), unlimited)
    tamper(sha256, (path) => writeFileSync(path, Buffer.alloc(large.length, 'y')))
    let receivedBytes = 0
    const reading = async () => {
      for await (const piece of store.openStream(sha256)) receivedBytes += piece.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'storage.blob-corrupt' })
    expect(receivedBytes).toBeLessThan(large.length)
  })

  test('is mended by putting it again', async () => {
    const sha256 = await putBytes()
    tamper(sha256, (path) => writeFileSync(path, 'something else'))
    await putBytes()
    expect(await store.read(sha256)).toEqual(bytes)
  })

  test('is not what a blob is that is put again while it is read', async () => {
    const sha256 = await putBytes()
    let isPutting = true
    const putting = (async () => {
      for (let round = 0; round < 100; round++) await Promise.all([putBytes(), putBytes()])
      isPutting = false
    })()
    const reading = async () => {
      while (isPutting) expect(await store.read(sha256)).toEqual(bytes)
    }
    await Promise.all([putting, reading(), reading(), reading(), reading()])
  })

  test('into a link is refused, even to the right bytes', async () => {
    const sha256 = await putBytes()
    renameSync(pathOf(sha256), join(folder, 'elsewhere'))
    symlinkSync(join(folder, 'elsewhere'), pathOf(sha256))
    await refuses(sha256, 'storage.blob-untrusted')
    expect(await store.has(sha256)).toBe(false)
  })

  test('into a file with a second name is refused, even with the right bytes', async () => {
    const sha256 = await putBytes()
    linkSync(pathOf(sha256), join(folder, 'second-name'))
    await refuses(sha256, 'storage.blob-untrusted')
    expect(await store.has(sha256)).toBe(false)
  })

  test('into a folder is refused', async () => {
    const sha256 = await putBytes()
    tamper(sha256, (path) => {
      rmSync(path)
      mkdirSync(path)
    })
    await refuses(sha256, 'storage.blob-untrusted')
  })

  test('into a pipe that nobody writes to is refused at once', async () => {
    const sha256 = await putBytes()
    const { spawnSync } = await import('node:child_process')
    tamper(sha256, (path) => {
      rmSync(path)
      spawnSync('mkfifo', [path])
    })
    expect(statSync(pathOf(sha256)).isFIFO()).toBe(true)
    await refuses(sha256, 'storage.blob-untrusted')
  })

  test('is replaced and not followed when a link stands at its name', async () => {
    writeFileSync(join(folder, 'victim'), 'must stay')
    mkdirSync(dirname(pathOf(digest(bytes))))
    symlinkSync(join(folder, 'victim'), pathOf(digest(bytes)))
    const sha256 = await putBytes()
    expect(await store.read(sha256)).toEqual(bytes)
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('must stay')
  })
})

describe('a folder of the store that was swapped for a link', () => {
  const swap = (path: string) => {
    rmSync(path, { recursive: true })
    mkdirSync(join(folder, 'outside'), { recursive: true })
    symlinkSync(join(folder, 'outside'), path)
  }
  const untrusted = { code: 'storage.blob-store-untrusted', kind: 'refused' }

  test('takes no blob', async () => {
    swap(join(folder, 'blobs/incoming'))
    await expect(putBytes()).rejects.toMatchObject(untrusted)
    expect(readdirSync(join(folder, 'outside'))).toEqual([])
  })

  test('takes no blob when it is the one that the blob would stand in', async () => {
    const sha256 = await putBytes()
    swap(dirname(pathOf(sha256)))
    await expect(putBytes()).rejects.toMatchObject(untrusted)
    await expect(store.read(sha256)).rejects.toMatchObject(untrusted)
    await expect(store.delete(sha256)).rejects.toMatchObject(untrusted)
    expect(readdirSync(join(folder, 'outside'))).toEqual([])
    expect(files().filter((name) => name.length > 64)).toEqual([])
  })

  test.each(['blobs', 'blobs/sha256', 'blobs/incoming'])(
    'is refused when the store is opened: %s',
    async (name) => {
      swap(join(folder, name))
      writeFileSync(join(folder, 'outside/precious'), '')
      await expect(BlobStore.open(join(folder, 'blobs'))).rejects.toMatchObject(untrusted)
      expect(existsSync(join(folder, 'outside/precious'))).toBe(true)
    },
  )
})

test('reading has a budget', async () => {
  const sha256 = await putBytes()
  await expect(store.read(sha256, { maxBytes: bytes.length - 1 })).rejects.toMatchObject({
    code: 'storage.blob-too-large',
  })
})

test('what else lies in the store is passed over by the list', async () => {
  const sha256 = await putBytes()
  writeFileSync(join(dirname(pathOf(sha256)), 'notes.txt'), '')
  writeFileSync(join(folder, 'blobs/sha256/stray'), '')
  mkdirSync(join(folder, 'blobs/sha256/zz'))
  const listed = []
  for await (const blob of store.list()) listed.push(blob.sha256)
  expect(listed).toEqual([sha256])
})

test('a store cannot be made where its parent folder is missing', async () => {
  await expect(BlobStore.open(join(folder, 'none/blobs'))).rejects.toMatchObject({
    code: 'storage.disk-failed',
  })
})
