import { copyFile, mkdtemp, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  contentOf,
  copyOf,
  exchange,
  MEMORY,
  openLog,
  SIGNER,
  temporaryDirectory,
} from '../../test/audit/fixture.ts'
import { NoteSigner } from '../crypto/index.ts'
import { ALL_FILES, parseHead } from './files.ts'
import { verifyLog } from './verify-log.ts'

const coded = (code: string, file?: string) =>
  expect.objectContaining({
    code,
    remedy: expect.any(String),
    ...(file === undefined ? {} : { details: expect.objectContaining({ file }) }),
  })

/** Expects that the log is refused and left exactly as it is. */
async function expectRefused(directory: string, error: unknown, options = {}): Promise<void> {
  const before = await contentOf(directory)
  await expect(openLog(directory, options)).rejects.toThrow(error as Error)
  expect(await contentOf(directory)).toEqual(before)
}

/** Expects that the log opens with `size` entries, takes another and verifies. */
async function expectUsable(directory: string, size: number): Promise<void> {
  const log = await openLog(directory)
  expect(log.size).toBe(size)
  expect((await log.append(exchange(size))).index).toBe(size)
  await log.close()
  expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: size + 1, unfinishedBytes: 0 })
}

/** A folder as a crash leaves it: 5 events acknowledged, 3 more in a commit that may have been. */
async function crashed(options: { acknowledged: boolean }): Promise<string> {
  const directory = await temporaryDirectory()
  const log = await openLog(directory)
  for (let number = 0; number < 5; number++) await log.append(exchange(number))
  const head = await readFile(join(directory, 'head'))
  await Promise.all([5, 6, 7].map((number) => log.append(exchange(number))))
  const copy = await copyOf(directory)
  await log.close()
  if (!options.acknowledged) await writeFile(join(copy, 'head'), head)
  return copy
}

async function lastCommit(
  directory: string,
  file: 'entries' | 'side',
): Promise<{ start: number; end: number }> {
  const head = parseHead(await readFile(join(directory, 'head')))
  const start = head.acknowledged[file === 'entries' ? 'entriesBytes' : 'sideBytes']
  return { start, end: (await stat(join(directory, file))).size }
}

describe('after a crash', () => {
  test('a commit that is whole is kept, acknowledged or not', async () => {
    await expectUsable(await crashed({ acknowledged: true }), 8)
    await expectUsable(await crashed({ acknowledged: false }), 8)
  })

  test.each(['entries', 'side'] as const)(
    'a commit that nobody was told of is cut off when %s ends anywhere in it',
    async (file) => {
      const whole = await crashed({ acknowledged: false })
      const { start, end } = await lastCommit(whole, file)
      for (let cut = start; cut < end; cut += 31) {
        const directory = await copyOf(whole)
        await truncate(join(directory, file), cut)
        await expectUsable(directory, 5)
      }
    },
  )

  test.each(['entries', 'side'] as const)(
    'a commit that nobody was told of is cut off when %s has a hole in it',
    async (file) => {
      const whole = await crashed({ acknowledged: false })
      const { start, end } = await lastCommit(whole, file)
      for (let at = start; at < end - 20; at += 97) {
        const directory = await copyOf(whole)
        const bytes = await readFile(join(directory, file))
        await writeFile(join(directory, file), bytes.fill(0, at, at + 20))
        await expectUsable(directory, 5)
      }
    },
  )

  test('a log that lost an acknowledged commit is refused', async () => {
    const whole = await crashed({ acknowledged: true })
    for (const file of ['entries', 'side'] as const) {
      const directory = await copyOf(whole)
      await truncate(join(directory, file), (await lastCommit(whole, file)).end - 1)
      await expectRefused(directory, coded('audit.log-corrupt', file))
    }
  })

  test('a log in whose last acknowledged commit a byte was changed is refused', async () => {
    const whole = await crashed({ acknowledged: true })
    for (const [file, needle] of [
      ['entries', '"number":6'],
      ['side', 'tenant 6'],
    ] as const) {
      const directory = await copyOf(whole)
      const bytes = await readFile(join(directory, file))
      const at = bytes.indexOf(needle)
      expect(at).toBeGreaterThan(0)
      bytes[at + 1] = (bytes[at + 1] ?? 0) ^ 1
      await writeFile(join(directory, file), bytes)
      await expectRefused(directory, coded('audit.log-corrupt', file))
    }
  })

  test('damage with another commit after it is refused, however stale the head is', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    for (let number = 0; number < 3; number++) await log.append(exchange(number))
    const head = await readFile(join(directory, 'head'))
    for (let number = 3; number < 6; number++) await log.append(exchange(number))
    const copy = await copyOf(directory)
    await log.close()
    await writeFile(join(copy, 'head'), head)
    await expectUsable(await copyOf(copy), 6)
    const entries = await readFile(join(copy, 'entries'))
    const at = entries.indexOf('"number":3')
    entries[at + 9] = 0x34
    await writeFile(join(copy, 'entries'), entries)
    await expectRefused(copy, coded('audit.log-corrupt', 'entries'))
  })

  test('what is derived is rebuilt from the mark on', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    await Promise.all(Array.from({ length: 5000 }, (_, number) => log.append(exchange(number))))
    await log.append(exchange(5000))
    await log.prove((await log.append(exchange(5001))).id)
    const copy = await copyOf(directory)
    await log.close()
    for (const file of ['index', 'level-0'])
      await writeFile(join(copy, file), 'garbage after a power cut', { flag: 'a' })
    await expectUsable(copy, 5002)
  })

  test('an erasure that was recorded is completed', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const { id } = await log.append(exchange(0))
    const side = await readFile(join(directory, 'side'))
    await log.erase(id, 'tenant')
    const copy = await copyOf(directory)
    await log.close()
    // Not begun, and begun: the file system kept only some bytes of the overwriting.
    const erased = await readFile(join(copy, 'side'))
    for (const kept of [0, 40, 80]) {
      const torn = await copyOf(copy)
      await writeFile(join(torn, 'side'), Buffer.concat([erased.subarray(0, kept), side.subarray(kept)]))
      const again = await openLog(torn)
      expect((await again.find(id))?.openings['tenant']).toEqual({ state: 'erased' })
      await again.close()
      expect(await verifyLog(torn, SIGNER.vkey)).toMatchObject({ erased: 1 })
    }
  })

  test('the making of a log that was cut short is made good', async () => {
    const whole = await temporaryDirectory()
    await (await openLog(whole)).close()
    for (const missing of [1, 3, 8, ALL_FILES.length]) {
      const directory = await copyOf(whole)
      for (const file of ALL_FILES.slice(-missing)) await rm(join(directory, file))
      await expectUsable(directory, 0)
    }
  })
})

describe('a log', () => {
  let whole: string
  beforeAll(async () => {
    whole = await closedLog()
  })
  afterAll(() => rm(whole, { recursive: true }))

  test.each(ALL_FILES.filter((file) => file !== 'log.json'))(
    'without its file %s is refused',
    async (file) => {
      const directory = await copyOf(whole)
      await rename(join(directory, file), join(await temporaryDirectory(), file))
      await expectRefused(directory, coded('audit.file-missing', file))
    },
  )

  test('without its description is refused and not begun anew', async () => {
    const directory = await copyOf(whole)
    await rm(join(directory, 'log.json'))
    await expectRefused(directory, coded('audit.file-missing', 'log.json'))
    await rm(join(directory, 'entries'))
    await expectRefused(directory, coded('audit.file-missing', 'log.json'))
  })

  test('that must exist is not made', async () => {
    const directory = await temporaryDirectory()
    await expectRefused(directory, coded('audit.log-missing'), { create: false })
  })

  test('of another key, origin or version is refused', async () => {
    const stranger = NoteSigner.fromSeed(SIGNER.name, Buffer.alloc(32, 8))
    await expectRefused(whole, coded('audit.foreign-key'), { signer: stranger })
    const origin = 'other.example/log'
    const renamed = NoteSigner.fromSeed(origin, Buffer.alloc(32, 7))
    await expectRefused(whole, coded('audit.foreign-origin'), { signer: renamed, origin })
    const directory = await copyOf(whole)
    const text = await readFile(join(directory, 'log.json'), 'utf8')
    await writeFile(join(directory, 'log.json'), text.replace('"version":1', '"version":2'))
    await expectRefused(directory, coded('audit.format-unsupported'))
    await writeFile(join(directory, 'log.json'), `${text} `)
    await expectRefused(directory, coded('audit.log-corrupt', 'log.json'))
  })

  test('that was closed and then shortened by a commit is refused', async () => {
    const directory = await copyOf(whole)
    const { acknowledged } = parseHead(await readFile(join(directory, 'head')))
    await truncate(join(directory, 'entries'), acknowledged.entriesBytes - 500)
    await expectRefused(directory, coded('audit.log-corrupt', 'entries'))
  })

  test('that was closed and then changed in one of its last entries is refused', async () => {
    const directory = await copyOf(whole)
    const entries = await readFile(join(directory, 'entries'))
    const at = entries.lastIndexOf('"number":500')
    entries[at + 9] = 0x36
    await writeFile(join(directory, 'entries'), entries)
    await expectRefused(directory, coded('audit.log-corrupt', 'entries'))
  })

  test('whose files were swapped with those of an older copy is refused', async () => {
    const directory = await copyOf(whole)
    const older = await copyOf(directory)
    const log = await openLog(directory)
    for (let number = 0; number < 300; number++) await log.append(exchange(number))
    await log.close()
    for (const file of ['entries', 'side', 'level-0', 'index', 'head']) {
      const mixed = await copyOf(directory)
      await copyFile(join(older, file), join(mixed, file))
      // An old head alone only means that more is checked at the start.
      if (file === 'head') await (await openLog(mixed)).close()
      else await expectRefused(mixed, coded('audit.log-corrupt', file))
    }
  })

  test('with any byte of any file changed is refused as it is, or opens to what it was', async () => {
    const before = await verifyLog(whole, SIGNER.vkey)
    const files = ALL_FILES.filter((file) => !/^level-[2-5]$/.test(file))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (file, pick, flip) => {
          const directory = await copyOf(whole)
          const path = join(directory, file)
          const bytes = await readFile(path)
          const at = pick % bytes.length
          bytes[at] = (bytes[at] ?? 0) ^ flip
          await writeFile(path, bytes)
          const damaged = await contentOf(directory)
          try {
            await (await openLog(directory)).close()
          } catch (error) {
            expect(error).toEqual(
              expect.objectContaining({ name: 'SallyportError', remedy: expect.any(String) }),
            )
            expect(await contentOf(directory)).toEqual(damaged)
            return
          }
          // Too far from the end to be seen at a start: the full verification sees it.
          await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(coded('audit.log-corrupt'))
        },
      ),
      { numRuns: 60 },
    )
    expect(await verifyLog(whole, SIGNER.vkey)).toEqual(before)
  })
})

/** Some 600 events in commits of several sizes, one erased; closed. */
async function closedLog(): Promise<string> {
  const directory = await mkdtemp(join(MEMORY, 'audit-'))
  const log = await openLog(directory)
  const [first] = await Promise.all(Array.from({ length: 590 }, (_, number) => log.append(exchange(number))))
  for (let number = 0; number < 10; number++) await log.append(exchange(number))
  if (first !== undefined) await log.erase(first.id, 'tenant')
  await log.close()
  return directory
}
