import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  clock,
  copyOf,
  exchange,
  MEMORY,
  ORIGIN,
  openLog,
  SIGNER,
  temporaryDirectory,
} from '../../test/audit/fixture.ts'
import { NoteSigner, openCheckpoint } from '../crypto/index.ts'
import { ALL_FILES, ENTRIES_FILE, formatHead, HEAD_FILE, parseHead, SIDE_FILE } from './files.ts'
import { eraseSlot } from './side-record.ts'
import { verifyLog } from './verify-log.ts'

const corrupt = (file?: string) =>
  expect.objectContaining({
    code: 'audit.log-corrupt',
    ...(file === undefined ? {} : { details: expect.objectContaining({ file }) }),
  })

describe('the verification of a log', () => {
  let whole: string
  let checkpoint: string
  beforeAll(async () => {
    whole = await mkdtemp(join(MEMORY, 'audit-'))
    const log = await openLog(whole)
    const receipts = await Promise.all(
      Array.from({ length: 280 }, (_, number) => log.append(exchange(number))),
    )
    for (let number = 0; number < 6; number++) await log.append(exchange(number))
    for (const { id } of receipts.slice(0, 2)) await log.erase(id, 'tenant')
    await log.append({ type: 'nothing.private' })
    checkpoint = log.checkpoint()
    await log.close()
  })
  afterAll(() => rm(whole, { recursive: true }))

  test('accepts a log that continues from an earlier checkpoint, and no log that was cut back or begun anew', async () => {
    expect(await verifyLog(whole, SIGNER.vkey, { earlier: checkpoint })).toMatchObject({ size: 289 })
    const other = await mkdtemp(join(MEMORY, 'audit-'))
    const log = await openLog(other)
    await log.append({ type: 'begun.anew' })
    const fresh = log.checkpoint()
    await log.append({ type: 'begun.anew' })
    await log.close()
    expect(await verifyLog(other, SIGNER.vkey, { earlier: fresh })).toMatchObject({ size: 2 })
    await expect(verifyLog(other, SIGNER.vkey, { earlier: checkpoint })).rejects.toMatchObject({
      code: 'audit.history-changed',
      details: { size: 289 },
    })
    await rm(other, { recursive: true })
  })

  test('reports what a log that holds has', async () => {
    const progress: number[] = []
    const report = await verifyLog(whole, SIGNER.vkey, { onProgress: (entries) => progress.push(entries) })
    const { size, root } = openCheckpoint(checkpoint, SIGNER.verifier, ORIGIN)
    expect(report).toEqual({
      origin: ORIGIN,
      size,
      root: root.toString('base64'),
      checkpoints: 1 + 1 + 6 + 2 + 1,
      commitments: 286 * 2,
      kept: 284,
      erased: 2,
      unfinishedBytes: 0,
    })
    expect(progress.at(-1)).toBe(289)
  })

  test('finds any one changed byte of any file', async () => {
    const files = ALL_FILES.filter((file) => !/^level-[2-5]$/.test(file))
    const directory = await copyOf(whole)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (file, pick, flip) => {
          const path = join(directory, file)
          const bytes = await readFile(path)
          const at = pick % bytes.length
          const changed = Buffer.from(bytes)
          changed[at] = (bytes[at] ?? 0) ^ flip
          await writeFile(path, changed)
          // A changed description may also be that of another key, origin or version.
          await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(
            expect.objectContaining({
              code: expect.stringMatching(
                /^audit\.(log-corrupt|foreign-key|foreign-origin|format-unsupported)$/,
              ),
            }),
          )
          await writeFile(path, bytes)
        },
      ),
      { numRuns: 100 },
    )
    await expect(verifyLog(directory, SIGNER.vkey)).resolves.toBeDefined()
  })

  test('finds a file that was shortened or added to', async () => {
    const directory = await copyOf(whole)
    for (const file of ALL_FILES) {
      const path = join(directory, file)
      const bytes = await readFile(path)
      for (const cut of [1, 32, 500]) {
        if (cut > bytes.length) continue
        await truncate(path, bytes.length - cut)
        await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(file))
        await writeFile(path, bytes)
      }
      if (file === ENTRIES_FILE || file === SIDE_FILE) continue
      await writeFile(path, Buffer.concat([bytes, Buffer.alloc(32)]))
      await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(file))
      await writeFile(path, bytes)
    }
  })

  test('counts what a crash left behind the last checkpoint', async () => {
    const directory = await copyOf(whole)
    await writeFile(join(directory, ENTRIES_FILE), Buffer.from([0, 9, 123, 34]), { flag: 'a' })
    await writeFile(join(directory, SIDE_FILE), Buffer.from([0]), { flag: 'a' })
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 289, unfinishedBytes: 5 })
  })

  test('finds a head whose positions are no commits, its checksum being right', async () => {
    const directory = await copyOf(whole)
    const head = parseHead(await readFile(join(directory, HEAD_FILE)))
    const { acknowledged, durable } = head
    for (const wrong of [
      { acknowledged: { ...acknowledged, sideBytes: acknowledged.sideBytes - 1 }, durable },
      { acknowledged: { ...acknowledged, size: acknowledged.size - 1 }, durable },
      { acknowledged, durable: { ...durable, entriesBytes: durable.entriesBytes - 1 } },
      { acknowledged, durable: { ...durable, size: 3 } },
    ]) {
      await writeFile(join(directory, HEAD_FILE), formatHead(wrong))
      await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(HEAD_FILE))
    }
  })

  test('finds a kept value that was replaced, its checksum being right', async () => {
    const directory = await copyOf(whole)
    const side = await readFile(join(directory, SIDE_FILE))
    const length = side.readUInt32BE(0)
    const second = side.subarray(length, length + side.readUInt32BE(length))
    // The first two records were erased; the third is whole.
    const third = side.subarray(length + second.length)
    const record = third.subarray(0, third.readUInt32BE(0))
    const at = record.indexOf('tenant 2')
    expect(at).toBeGreaterThan(0)
    record.write('tenant 3', at)
    record.writeUInt32BE(crc32(record.subarray(0, -4)), record.length - 4)
    await writeFile(join(directory, SIDE_FILE), side)
    await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(SIDE_FILE))
  })

  test('finds an erasure that the log does not tell of', async () => {
    const directory = await copyOf(whole)
    const side = await readFile(join(directory, SIDE_FILE))
    // The third record, by its lengths.
    let at = 0
    for (let record = 0; record < 2; record++) at += side.readUInt32BE(at)
    expect(eraseSlot(side.subarray(at, at + side.readUInt32BE(at)), 0)).toBe(true)
    await writeFile(join(directory, SIDE_FILE), side)
    await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(SIDE_FILE))
  })

  test('finds a value put back after its erasure', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const { id } = await log.append(exchange(1))
    const side = await readFile(join(directory, SIDE_FILE))
    await log.erase(id, 'tenant')
    await log.close()
    await writeFile(join(directory, SIDE_FILE), side)
    await expect(verifyLog(directory, SIGNER.vkey)).rejects.toThrow(corrupt(SIDE_FILE))
  })

  test('needs the key that signed', async () => {
    const stranger = NoteSigner.fromSeed(ORIGIN, Buffer.alloc(32, 9))
    await expect(verifyLog(whole, stranger.vkey)).rejects.toThrow(
      expect.objectContaining({ code: 'audit.foreign-key' }),
    )
    // Also when the description was made to say so.
    const directory = await copyOf(whole)
    const text = await readFile(join(directory, 'log.json'), 'utf8')
    await writeFile(join(directory, 'log.json'), text.replace(SIGNER.vkey, stranger.vkey))
    await expect(verifyLog(directory, stranger.vkey)).rejects.toThrow(corrupt(ENTRIES_FILE))
  })

  test('holds for a log in use', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    let stopped = false
    const load = (async () => {
      for (let number = 0; !stopped; number++) {
        clock.at++
        const receipts = await Promise.all([log.append(exchange(number)), log.append(exchange(number))])
        if (number % 10 === 0) await log.erase(receipts[0].id, 'tenant')
      }
    })()
    try {
      for (let round = 0; round < 10; round++) {
        const { size } = log
        expect((await verifyLog(directory, SIGNER.vkey)).size).toBeGreaterThanOrEqual(size)
      }
    } finally {
      stopped = true
      await load
      await log.close()
    }
  })
})
