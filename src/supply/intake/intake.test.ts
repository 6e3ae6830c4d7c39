import { execFileSync } from 'node:child_process'
import { appendFile, link, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { scratchFolder } from '../../../test/support/scratch.ts'
import { SallyportError } from '../../core/index.ts'
import { manifestId, sha256 } from '../../crypto/index.ts'
import { BlobStore } from '../../storage/index.ts'
import {
  comparePaths,
  DEFAULT_INTAKE_BUDGET,
  type IncomingFile,
  packDirectory,
  readDirectory,
  readTar,
  requireArtifactPath,
  takeIn,
} from './index.ts'

let scratch: string
let blobs: BlobStore
let directory: string
beforeEach(async () => {
  scratch = scratchFolder('intake')
  directory = join(scratch, 'model')
  await mkdir(directory)
  blobs = await BlobStore.open(join(scratch, 'blobs'))
})
afterEach(() => rm(scratch, { recursive: true }))

const refused = (code: string) => expect.objectContaining({ code: `supply.${code}` })

async function* incoming(
  files: Record<string, string | string[]> | [string, string][],
): AsyncGenerator<IncomingFile> {
  for (const [path, content] of Array.isArray(files) ? files : Object.entries(files)) {
    yield { path, content: pieces(typeof content === 'string' ? [content] : content) }
  }
}

async function* pieces(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function stored(): Promise<string[]> {
  const found: string[] = []
  for await (const blob of blobs.list()) found.push(blob.sha256)
  return found
}

describe('an artifact that is taken in', () => {
  test('is its files by path, size and digest, in the order of their code points', async () => {
    const files = { 'b/c': ['x', 'y'], a: '', '\u{1f600}': '1', '\ufb00': '2' }
    const artifact = await takeIn('model', incoming(files), blobs)
    expect(artifact.manifest).toEqual({
      schemaVersion: 1,
      kind: 'model',
      files: [
        { path: 'a', sizeBytes: 0, sha256: sha256('') },
        { path: 'b/c', sizeBytes: 2, sha256: sha256('xy') },
        { path: '\ufb00', sizeBytes: 1, sha256: sha256('2') },
        { path: '\u{1f600}', sizeBytes: 1, sha256: sha256('1') },
      ],
    })
    expect(artifact.id).toBe(manifestId(artifact.manifest))
    expect((await blobs.read(sha256('xy'))).toString()).toBe('xy')
  })

  test('has the same id in whatever order its files came', async () => {
    const files: [string, string][] = [
      ['a', '1'],
      ['b', '2'],
      ['c/d', '3'],
    ]
    const forwards = await takeIn('model', incoming(files), blobs)
    const backwards = await takeIn('model', incoming(files.toReversed()), blobs)
    expect(backwards.id).toBe(forwards.id)
  })

  test('is hashed in the one pass in which it is copied', async () => {
    let passes = 0
    const content = {
      async *[Symbol.asyncIterator]() {
        passes += 1
        yield Buffer.from('once')
      },
    }
    await takeIn('model', one({ path: 'a', content }), blobs)
    expect(passes).toBe(1)
  })
})

async function* one(file: IncomingFile): AsyncGenerator<IncomingFile> {
  yield file
}

describe('intake refuses', () => {
  test.each([
    ['an absolute path', '/etc/passwd'],
    ['a drive', 'C:/x'],
    ['a parent', '../x'],
    ['a parent inside', 'a/../b'],
    ['a dot', './a'],
    ['an empty part', 'a//b'],
    ['a trailing slash', 'a/'],
    ['an empty name', ''],
    ['a backslash', 'a\\b'],
    ['a NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['an escape sequence', '\u001b[31mred'],
    ['a right-to-left override', 'model\u202egnp.onnx'],
    ['a name that is not NFC', 'cafe\u0301'],
    ['a lone surrogate', 'a\ud800'],
    ['a replacement character', 'a\ufffd'],
    ['a part that ends with a dot', 'a./b'],
    ['a part that ends with a space', 'a /b'],
    ['a name that signatures leave out', '.git/config'],
    ['such a name in capitals', '.GitHub/x'],
    ['a path that is too long', 'a/'.repeat(300)],
    ['a part that is too long', 'a'.repeat(256)],
  ])('%s', async (_what, path) => {
    await expect(takeIn('model', incoming({ [path]: 'x' }), blobs)).rejects.toThrow(refused('path-invalid'))
    expect(await stored()).toEqual([])
  })

  test.each([
    ['the same path twice', ['a', 'a']],
    ['paths that differ in case', ['Model.onnx', 'model.ONNX']],
    ['paths that case folding joins', ['straße', 'STRASSE']],
    ['paths that compatibility joins', ['file', 'ﬁle']],
    ['a file that is a directory of another', ['a', 'a/b']],
    ['a directory that is another file', ['A/b', 'a']],
  ])('%s', async (_what, paths) => {
    const files = paths.map((path, index): [string, string] => [path, `${index}`])
    await expect(takeIn('model', incoming(files), blobs)).rejects.toThrow(refused('path-duplicate'))
  })

  test('an artifact without files', async () => {
    await expect(takeIn('model', incoming({}), blobs)).rejects.toThrow(refused('artifact-empty'))
  })

  test('one file more, one byte more in a file and one byte more in all than the budget has', async () => {
    const budget = { ...DEFAULT_INTAKE_BUDGET, maxFiles: 2, maxFileBytes: 3, maxTotalBytes: 4 }
    const take = (files: Record<string, string>) => takeIn('model', incoming(files), blobs, { budget })
    await expect(take({ a: '123', b: '4' })).resolves.toBeDefined()
    await expect(take({ a: '1', b: '2', c: '3' })).rejects.toThrow(refused('too-many-files'))
    await expect(take({ a: '1234' })).rejects.toThrow(refused('file-too-large'))
    await expect(take({ a: '123', b: '45' })).rejects.toThrow(refused('artifact-too-large'))
  })

  test('to go on when it is cancelled', async () => {
    const cancel = new AbortController()
    async function* content() {
      yield Buffer.from('1')
      cancel.abort()
      yield Buffer.from('2')
    }
    const taking = takeIn('model', one({ path: 'a', content: content() }), blobs, { signal: cancel.signal })
    await expect(taking).rejects.toThrow(refused('push-cancelled'))
    expect(await stored()).toEqual([])
  })

  test('any path that could name something else than one file inside the artifact', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', 'a', ' ', '\\', 'C:', '\0', 'é', '/'),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const path = parts.join('/')
        try {
          requireArtifactPath(path, 512, 1)
        } catch (refusal) {
          expect(refusal).toBeInstanceOf(SallyportError)
          // A hostile name is not repeated to a terminal or a log.
          if (path.length > 12) expect(String(refusal)).not.toContain(path)
          return
        }
        expect(join('/root', path)).toBe(`/root/${path}`)
        expect(path.normalize('NFC')).toBe(path)
        expect(path).not.toMatch(/[\p{Cc}\\]/u)
      }),
      { numRuns: 400 },
    )
  })
})

test('paths are ordered by code point', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (paths) => {
      const points = (path: string) =>
        [...path].map((character) => (character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')).join()
      const expected = paths.toSorted((left, right) =>
        points(left) < points(right) ? -1 : points(left) > points(right) ? 1 : 0,
      )
      expect(paths.toSorted(comparePaths)).toEqual(expected)
    }),
  )
})

describe('a directory', () => {
  const take = () => takeIn('model', readDirectory(directory), blobs)

  test('is taken in with what stands in its folders, but without what git keeps at its top', async () => {
    const files = { 'model.onnx': 'm', 'sub/deep/x': 'x', '.hidden': 'h', 'sub/.gitignore': 's' }
    await write({ ...files, '.git/HEAD': 'ref', '.gitignore': '*', '.github/ci.yml': 'on' })
    const { manifest } = await take()
    expect(manifest.files.map((file) => file.path)).toEqual(Object.keys(files).sort(comparePaths))
  })

  test('with a link to a file, to a folder or to nothing is refused', async () => {
    for (const target of ['/etc/passwd', '/etc', 'nowhere', 'model.onnx']) {
      await write({ 'model.onnx': 'm' })
      await symlink(target, join(directory, 'link'))
      await expect(take()).rejects.toThrow(refused('special-file'))
      await rm(join(directory, 'link'))
    }
  })

  test('with a pipe or a socket is refused without waiting for it', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')])
    await expect(take()).rejects.toThrow(refused('special-file'))
    await rm(join(directory, 'pipe'))
    const server = createServer().listen(join(directory, 'socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    await expect(take()).rejects.toThrow(refused('special-file'))
    await new Promise((resolve) => server.close(resolve))
  })

  test('in which a file becomes a link or a pipe after it was listed is refused', async () => {
    await write({ a: '1', b: '2' })
    const reading = readDirectory(directory)
    await reading.next()
    await rm(join(directory, 'b'))
    await symlink('/etc/passwd', join(directory, 'b'))
    await expect(reading.next()).rejects.toThrow(refused('file-unreadable'))

    await rm(join(directory, 'b'))
    await write({ b: '2' })
    const again = readDirectory(directory)
    await again.next()
    await rm(join(directory, 'b'))
    execFileSync('mkfifo', [join(directory, 'b')])
    await expect(again.next()).rejects.toThrow(refused('special-file'))
  })

  test.each([
    ['grows', (path: string) => appendFile(path, 'more')],
    ['shrinks', (path: string) => truncate(path, 1)],
    ['is written to', async (path: string) => utimes(path, 1, 1)],
  ])('in which a file %s while it is read is refused', async (_what, change) => {
    const path = join(directory, 'a')
    await writeFile(path, Buffer.alloc(3 * 1024 * 1024))
    for await (const file of readDirectory(directory)) {
      const content = file.content[Symbol.asyncIterator]()
      await content.next()
      await change(path)
      const rest = async () => {
        while ((await content.next()).done !== true);
      }
      await expect(rest()).rejects.toThrow(refused('file-changed'))
    }
  })

  test('that is replaced while it is read gives the bytes of the file that was opened', async () => {
    await write({ a: 'first' })
    for await (const file of readDirectory(directory)) {
      await write({ other: 'other' })
      await rename(join(directory, 'other'), join(directory, 'a'))
      expect((await buffer(file.content)).toString()).toBe('first')
    }
  })

  test('that is missing, not a directory, too full or too deep is refused', async () => {
    const read = (path: string, options = {}) => collect(readDirectory(path, options))
    await expect(read(join(scratch, 'missing'))).rejects.toThrow(refused('directory-unreadable'))
    await write({ a: '1', b: '2' })
    await expect(read(join(directory, 'a'))).rejects.toThrow(refused('directory-unreadable'))
    await expect(read(directory, { maxEntries: 1 })).rejects.toThrow(refused('too-many-files'))
    await mkdir(join(directory, 'd/'.repeat(40)), { recursive: true })
    await expect(read(directory)).rejects.toThrow(refused('too-deep'))
  })

  test('may hold two names of one file', async () => {
    await write({ a: '1' })
    await link(join(directory, 'a'), join(directory, 'b'))
    expect((await take()).manifest.files).toHaveLength(2)
  })
})

describe('a tar archive', () => {
  const take = (archive: AsyncIterable<Uint8Array>, budget = DEFAULT_INTAKE_BUDGET) =>
    takeIn('model', readTar(archive, budget), blobs, { budget })

  test('of a directory gives the artifact that the directory gives', async () => {
    await write({
      'model.onnx': 'm'.repeat(5000),
      'sub/x': '',
      ü: 'ü',
      [`${'long/'.repeat(30)}name`]: 'l',
      '.gitignore': 'x',
    })
    const packed = await take(packDirectory(directory))
    expect(packed.id).toBe((await takeIn('model', readDirectory(directory), blobs)).id)
    expect(packed.manifest.files).toHaveLength(4)
  })

  test('is made of the same bytes at any time, by any owner', async () => {
    await write({ a: '1' })
    const before = await buffer(packDirectory(directory))
    await utimes(join(directory, 'a'), 1, 1)
    expect((await buffer(packDirectory(directory))).equals(before)).toBe(true)
  })

  test('made by tar itself is taken in', async () => {
    await write({ 'model.onnx': 'm', 'sub/x': 'x' })
    const archive = execFileSync('tar', ['-C', directory, '-cf', '-', '.'])
    const { manifest } = await take(pieced(archive, 100))
    expect(manifest.files.map((file) => file.path)).toEqual(['model.onnx', 'sub/x'])
  })

  test.each([
    ['symbolic link', { type: 'symlink', linkname: '/etc/passwd' }],
    ['hard link', { type: 'link', linkname: 'model.onnx' }],
    ['device', { type: 'character-device', devmajor: 1, devminor: 3 }],
    ['pipe', { type: 'fifo' }],
    ['contiguous file', { type: 'contiguous-file' }],
  ] as const)('with a %s is refused', async (_what, header) => {
    const archive = pack()
    archive.entry({ name: 'model.onnx' }, 'm')
    archive.entry({ name: 'x', size: 0, ...header })
    archive.finalize()
    await expect(take(bytes(archive))).rejects.toThrow(refused('special-file'))
  })

  test.each(['../x', '/x', 'a/../../x', '././x', 'a\\b'])('with the path %s is refused', async (name) => {
    const archive = pack()
    archive.entry({ name }, 'x')
    archive.finalize()
    await expect(take(bytes(archive))).rejects.toThrow(refused('path-invalid'))
  })

  test('with an entry of an unknown type is refused', async () => {
    const archive = pack()
    archive.entry({ name: 'x' }, 'x')
    archive.finalize()
    const changed = Buffer.concat(await collect(bytes(archive)))
    changed.write('S', 156)
    const header = changed.subarray(0, 512)
    header.fill(' ', 148, 156)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    await expect(take(pieced(changed, 512))).rejects.toThrow(refused('special-file'))
  })

  test('that ends too early, is no tar, or is compressed is refused', async () => {
    await write({ a: 'x'.repeat(2000) })
    const whole = await buffer(packDirectory(directory))
    await expect(take(pieced(whole.subarray(0, 1000), 512))).rejects.toThrow(refused('archive-invalid'))
    await expect(take(pieced(whole.subarray(0, 300), 512))).rejects.toThrow(refused('archive-invalid'))
    await expect(take(pieced(Buffer.alloc(4096, 'x'), 512))).rejects.toThrow(refused('archive-invalid'))
    await expect(take(pieced(execFileSync('tar', ['-C', directory, '-czf', '-', '.']), 512))).rejects.toThrow(
      refused('archive-invalid'),
    )
    await expect(take(pieced(Buffer.alloc(0), 512))).rejects.toThrow(refused('artifact-empty'))
  })

  test('that says more than the budget has is refused before its bytes are read', async () => {
    let read = 0
    async function* endless() {
      const archive = pack()
      archive.entry({ name: 'big', size: 2 ** 33 })
      for await (const piece of bytes(archive)) {
        read += piece.length
        yield piece
        break
      }
      for (;;) {
        read += 65_536
        yield Buffer.alloc(65_536)
      }
    }
    await expect(take(endless())).rejects.toThrow(refused('file-too-large'))
    expect(read).toBeLessThan(1024 * 1024)
    const budget = { ...DEFAULT_INTAKE_BUDGET, maxFiles: 2, maxTotalBytes: 10 }
    await expect(take(tarOf({ a: '123456', b: '123456' }), budget)).rejects.toThrow(
      refused('artifact-too-large'),
    )
    await expect(take(tarOf({ a: '1', b: '2', c: '3' }), budget)).rejects.toThrow(refused('too-many-files'))
    const folders = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`d${index}/`, '']))
    await expect(take(tarOf(folders), budget)).rejects.toThrow(refused('too-many-files'))
  })

  test("whose sender breaks off gives the sender's own error", async () => {
    async function* broken() {
      yield* pieced((await buffer(bytes(packOf({ a: 'x'.repeat(5000) })))).subarray(0, 1024), 512)
      throw new SallyportError('admin.connection-lost', 'the connection was lost', { kind: 'unavailable' })
    }
    await expect(take(broken())).rejects.toThrow(expect.objectContaining({ code: 'admin.connection-lost' }))
  })

  test('of any bytes ends in an artifact or a typed refusal', async () => {
    await write({ a: 'x'.repeat(700), 'b/c': 'y' })
    const valid = await buffer(packDirectory(directory))
    const mutation = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(mutation, async (changes) => {
        const changed = Buffer.from(valid)
        for (const [at, byte] of changes) changed[at] = byte
        const outcome = await collect(drained(readTar(pieced(changed, 333)))).catch((refusal) => refusal)
        if (!Array.isArray(outcome)) {
          expect(outcome).toBeInstanceOf(SallyportError)
          expect(outcome).toMatchObject({ code: expect.stringMatching(/^supply\./) })
        }
      }),
      { numRuns: 300 },
    )
  })
})

async function* drained(files: AsyncIterable<IncomingFile>): AsyncGenerator<Buffer> {
  for await (const file of files) yield await buffer(file.content)
}

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}

function packOf(files: Record<string, string>) {
  const archive = pack()
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith('/')) archive.entry({ name, type: 'directory' })
    else archive.entry({ name }, text)
  }
  archive.finalize()
  return archive
}

const tarOf = (files: Record<string, string>) => bytes(packOf(files))

async function* bytes(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const piece of stream) if (piece instanceof Uint8Array) yield Buffer.from(piece)
}

async function* pieced(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}
