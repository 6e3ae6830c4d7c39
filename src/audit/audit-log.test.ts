import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clock, exchange, ORIGIN, openLog, SIGNER, temporaryDirectory } from '../../test/audit/fixture.ts'
import type { EventId } from '../core/index.ts'
import { EMPTY_ROOT, leafHash, MerkleFrontier, openCheckpoint } from '../crypto/index.ts'
import { opensCommitment } from './commitment.ts'
import type { LogEntry } from './event.ts'
import { verifyProof } from './proof.ts'
import { verifyLog } from './verify-log.ts'

const coded = (code: string) => expect.objectContaining({ code })

async function collect(entries: AsyncIterable<LogEntry>): Promise<LogEntry[]> {
  const all: LogEntry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

describe('the log', () => {
  test('is empty at first, under a signed checkpoint of size 0', async () => {
    const log = await openLog(await temporaryDirectory())
    expect(log.size).toBe(0)
    expect(openCheckpoint(log.checkpoint(), SIGNER.verifier, ORIGIN)).toEqual({
      origin: ORIGIN,
      size: 0,
      root: EMPTY_ROOT,
    })
    await log.close()
  })

  test('gives back what was appended, in order, after it was closed and opened', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const receipts = await Promise.all(
      Array.from({ length: 600 }, (_, number) => log.append(exchange(number))),
    )
    await log.close()
    const again = await openLog(directory)
    const entries = await collect(again.read())
    expect(entries.map(({ id, index, leafHash }) => ({ id, index, leafHash }))).toEqual(receipts)
    expect(entries.map(({ data }) => data['number'])).toEqual(receipts.map((_, number) => number))
    expect(entries[5]).toMatchObject({
      type: 'exchange.served',
      at: clock.at,
      private: { tenant: Buffer.from('tenant 5') },
      openings: { request: { state: 'committed' }, tenant: { state: 'kept' } },
    })
    expect((await collect(again.read(10, 12))).map(({ index }) => index)).toEqual([10, 11])
    await again.close()
  })

  test('has a root that anybody can recompute from its leaves', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    for (let number = 0; number < 20; number++) await log.append(exchange(number))
    const frontier = new MerkleFrontier()
    // Straight from the file: 16 bits of length, then the entry; a length of 0 begins a checkpoint frame.
    const bytes = await readFile(join(directory, 'entries'))
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt16BE(at)
      if (length > 0) frontier.push(leafHash(bytes.subarray(at + 2, at + 2 + length)).toString('latin1'))
      at += length > 0 ? 2 + length : 4 + bytes.readUInt16BE(at + 2)
    }
    expect(openCheckpoint(log.checkpoint(), SIGNER.verifier, ORIGIN).root).toEqual(frontier.root())
    await log.close()
  })

  test('shares one commit among events that arrive together', async () => {
    const log = await openLog(await temporaryDirectory())
    await Promise.all(Array.from({ length: 100 }, (_, number) => log.append(exchange(number))))
    expect(log.stats()).toMatchObject({ size: 100, commits: 1, lastCommitEvents: 100, pending: 0 })
    await log.close()
  })

  test('holds no private and no committed value in clear outside the side store', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    await log.append({
      type: 'exchange.served',
      private: { tenant: 'PRIVATE-VALUE' },
      commit: { request: 'COMMITTED-VALUE' },
    })
    await log.close()
    for (const file of await readdir(directory)) {
      const bytes = await readFile(join(directory, file))
      expect(bytes.includes('COMMITTED-VALUE')).toBe(false)
      expect(bytes.includes('PRIVATE-VALUE')).toBe(file === 'side')
    }
  })

  test('opens a commitment with its salt for the true value only', async () => {
    const log = await openLog(await temporaryDirectory())
    const large = Buffer.alloc(300_000, 1)
    const text = 'ä€😀'.repeat(40_000)
    const { id } = await log.append({ type: 'a.b', commit: { bytes: large, text, short: 'yes' } })
    const entry = await log.find(id)
    for (const [name, value] of [
      ['bytes', large],
      ['text', text],
      ['short', 'yes'],
    ] as const) {
      const opening = entry?.openings[name]
      const commitment = entry?.commitments[name]
      if (commitment === undefined || opening?.state !== 'committed') throw new Error('not committed')
      expect(opensCommitment(commitment, opening.salt, value)).toBe(true)
      expect(opensCommitment(commitment, opening.salt, Buffer.from(value))).toBe(true)
      expect(opensCommitment(commitment, opening.salt, 'no')).toBe(false)
      expect(opensCommitment(commitment, '00'.repeat(16), value)).toBe(false)
      expect(opensCommitment(commitment, 'zz', value)).toBe(false)
    }
    await log.close()
  })

  test('commits to equal values differently', async () => {
    const log = await openLog(await temporaryDirectory())
    const receipts = await Promise.all(
      Array.from({ length: 600 }, () => log.append({ type: 'a.b', commit: { value: 'same' } })),
    )
    const entries = await collect(log.read())
    expect(new Set(entries.map(({ commitments }) => commitments['value'])).size).toBe(receipts.length)
    await log.close()
  })

  test('gives ids that rise strictly, also when the clock steps back and after a restart', async () => {
    const directory = await temporaryDirectory()
    const ids: EventId[] = []
    for (const step of [0, 0, -60_000, 5, -1, 3_600_000]) {
      const moved = { now: () => clock.at + step }
      const log = await openLog(directory, { clock: moved })
      for (let number = 0; number < 50; number++) ids.push((await log.append({ type: 'a.b' })).id)
      await log.close()
    }
    expect(ids).toEqual(ids.toSorted())
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids[0]).toMatch(/^evt_[0-9a-hjkmnp-tv-z]{26}$/)
  })

  test('finds every event by its id and nothing else', async () => {
    const log = await openLog(await temporaryDirectory())
    const receipts = await Promise.all(
      Array.from({ length: 300 }, (_, number) => log.append(exchange(number))),
    )
    for (const { id, index } of receipts) expect((await log.find(id))?.index).toBe(index)
    const last = receipts.at(-1)?.id ?? ''
    for (const id of ['', 'evt_', last.slice(0, -1), `${last.slice(0, 20)}zzzzzzzzzz`, last.toUpperCase()]) {
      expect(await log.find(id)).toBeUndefined()
    }
    await log.close()
  })

  test('takes the time it is told', async () => {
    const log = await openLog(await temporaryDirectory())
    const { id } = await log.append({ type: 'a.b' }, { at: 1_000 })
    expect((await log.find(id))?.at).toBe(1_000)
    await log.close()
  })

  test('gives back any event exactly', async () => {
    const log = await openLog(await temporaryDirectory())
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/)
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array())
    const events = fc.record({
      data: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' })),
      kept: fc.dictionary(
        name.map((text) => `k${text}`),
        value,
        { noNullPrototype: true, maxKeys: 5 },
      ),
      commit: fc.dictionary(
        name.map((text) => `c${text}`),
        value,
        { noNullPrototype: true, maxKeys: 5 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(events, async ({ data, kept, commit }) => {
        const json = JSON.parse(JSON.stringify(data))
        const { id } = await log.append({ type: 'any.event', data: json, private: kept, commit })
        const entry = await log.find(id)
        expect(entry?.data).toEqual(json)
        expect(Object.keys(entry?.commitments ?? {})).toEqual(
          [...Object.keys(kept), ...Object.keys(commit)].sort(),
        )
        for (const [key, value] of Object.entries(kept))
          expect(entry?.private[key]).toEqual(Buffer.from(value))
      }),
      { numRuns: 100 },
    )
    await log.close()
  })

  test.each([
    ['a type that is not dotted', { type: 'served' }],
    ['a type in capitals', { type: 'Exchange.served' }],
    ['a type with a quote', { type: 'exchange.se"rved' }],
    ['the type of its own events', { type: 'audit.erased', data: { event: 'evt', name: 'x' } }],
    ['a commitment named badly', { type: 'a.b', commit: { 'a"b': 'x' } }],
    ['one name for two commitments', { type: 'a.b', commit: { x: '1' }, private: { x: '2' } }],
    [
      'too many commitments',
      { type: 'a.b', commit: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`n${n}`, ''])) },
    ],
  ])('refuses an event with %s and stays as it was', async (_, event) => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    await expect(log.append(event)).rejects.toThrow(coded('audit.event-invalid'))
    await log.append(exchange(1))
    await expect(log.append({ type: 'a.b' }, { at: Number.NaN })).rejects.toThrow(
      coded('audit.event-invalid'),
    )
    await log.close()
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 1 })
  })

  test('refuses data that is not JSON', async () => {
    const log = await openLog(await temporaryDirectory())
    const data = { when: new Date(0) } as unknown as Record<string, string>
    await expect(log.append({ type: 'a.b', data })).rejects.toThrow(coded('crypto.not-canonical-json'))
    await log.close()
  })

  test('takes an entry of 65,535 bytes and refuses one of a byte more', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const fits = async (length: number) => log.append({ type: 'a.b', data: { text: 'x'.repeat(length) } })
    let most = 65_535
    while (most > 0) {
      try {
        await fits(most)
        break
      } catch (error) {
        expect(error).toEqual(coded('audit.event-too-large'))
        most--
      }
    }
    const [first] = await collect(log.read(0, 1))
    expect(first?.index).toBe(0)
    expect((await readFile(join(directory, 'entries'))).includes(Buffer.of(0xff, 0xff, 0x7b))).toBe(true)
    await expect(log.append({ type: 'a.b', private: { value: 'x'.repeat(65_536) } })).rejects.toThrow(
      coded('audit.event-too-large'),
    )
    await log.append({ type: 'a.b', private: { value: 'x'.repeat(65_535) } })
    await log.close()
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 2, kept: 1 })
  })

  test('refuses more than it can hold in memory, and recovers', async () => {
    const log = await openLog(await temporaryDirectory(tmpdir()))
    const data = { text: 'x'.repeat(60_000) }
    const outcomes = await Promise.allSettled(
      Array.from({ length: 700 }, () => log.append({ type: 'a.b', data })),
    )
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({ reason: { code: 'audit.backlog-full' } })
    await log.append({ type: 'a.b' })
    expect(log.size).toBe(700 - refused.length + 1)
    await log.close()
  })

  test('is closed once, finishes what waits and takes nothing after', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const waiting = log.append(exchange(1))
    await Promise.all([log.close(), log.close()])
    expect((await waiting).index).toBe(0)
    await expect(log.append(exchange(2))).rejects.toThrow(coded('audit.log-closed'))
    await expect(log.find((await waiting).id)).rejects.toThrow(coded('audit.log-closed'))
    await expect(collect(log.read())).rejects.toThrow(coded('audit.log-closed'))
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 1 })
  })
})

describe('a proof', () => {
  test('of every event holds, with nothing but the key', async () => {
    const log = await openLog(await temporaryDirectory())
    const receipts = await Promise.all(
      Array.from({ length: 530 }, (_, number) => log.append(exchange(number))),
    )
    for (const { id, index, leafHash } of receipts.filter((_, at) => at % 23 === 0 || at > 510)) {
      const { text } = await log.prove(id)
      expect(verifyProof(text, SIGNER.vkey)).toMatchObject({ id, index, leafHash, size: 530, origin: ORIGIN })
    }
    await log.close()
  })

  test('tells nothing private', async () => {
    const log = await openLog(await temporaryDirectory())
    const { id } = await log.append({ type: 'a.b', private: { tenant: 'PRIVATE-VALUE' } })
    const { text } = await log.prove(id)
    const [, extra] = /^extra (.*)$/m.exec(text) ?? []
    expect(Buffer.from(extra ?? '', 'base64').toString()).not.toContain('PRIVATE')
    await log.close()
  })

  test('with any one byte changed does not prove anything else', async () => {
    const log = await openLog(await temporaryDirectory())
    const receipts = await Promise.all(Array.from({ length: 9 }, (_, number) => log.append(exchange(number))))
    const [, , , fourth] = receipts
    if (fourth === undefined) throw new Error('no receipt')
    const { text } = await log.prove(fourth.id)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
        fc.pre(changed !== text)
        expect(() => verifyProof(changed, SIGNER.vkey)).toThrow(
          expect.objectContaining({ name: 'SallyportError' }),
        )
      }),
      { numRuns: 500 },
    )
    const stranger = SIGNER.vkey.replace('test.example', 'best.example')
    expect(() => verifyProof(text, stranger)).toThrow(coded('crypto.note-key-invalid'))
    await log.close()
  })

  test('of an event that is not there is refused', async () => {
    const log = await openLog(await temporaryDirectory())
    await expect(log.prove('evt_01jd0000000000000000000000' as EventId)).rejects.toThrow(
      coded('audit.event-unknown'),
    )
    await log.close()
  })
})

describe('an erasure', () => {
  test('takes salt and value from the disk, is an event, and leaves the tree whole', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const [receipt] = await Promise.all([
      log.append({ type: 'a.b', private: { email: 'ERASE-ME', tenant: 'KEEP-ME' }, commit: { prompt: 'x' } }),
      log.append(exchange(2)),
    ])
    const before = await log.find(receipt.id)
    const erasure = await log.erase(receipt.id, 'email')
    const opening = before?.openings['email']
    if (opening?.state !== 'kept') throw new Error('not kept')
    for (const file of await readdir(directory)) {
      const bytes = await readFile(join(directory, file))
      expect(bytes.includes('ERASE-ME')).toBe(false)
      expect(bytes.includes(Buffer.from(opening.salt, 'hex'))).toBe(false)
    }
    expect(await log.find(receipt.id)).toMatchObject({
      commitments: before?.commitments,
      openings: { email: { state: 'erased' }, prompt: { state: 'committed' } },
      private: { tenant: Buffer.from('KEEP-ME') },
    })
    expect(await log.find(erasure.id)).toMatchObject({
      type: 'audit.erased',
      data: { event: receipt.id, name: 'email' },
    })
    expect(verifyProof((await log.prove(receipt.id)).text, SIGNER.vkey).id).toBe(receipt.id)
    await log.close()
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 3, erased: 1 })
    const again = await openLog(directory)
    expect((await again.find(receipt.id))?.openings['email']).toEqual({ state: 'erased' })
    await again.close()
  })

  test('also takes the salt of a value that was never kept', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const { id } = await log.append(exchange(1))
    await log.erase(id, 'request')
    expect((await log.find(id))?.openings['request']).toEqual({ state: 'erased' })
    await log.close()
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ erased: 1, kept: 1 })
  })

  test('of many values at once is done one after another', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const receipts = await Promise.all(
      Array.from({ length: 20 }, (_, number) => log.append(exchange(number))),
    )
    await Promise.all(receipts.flatMap(({ id }) => [log.erase(id, 'tenant'), log.erase(id, 'request')]))
    await log.close()
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 60, erased: 40, kept: 0 })
  })

  test('that was asked for before the log was closed is done', async () => {
    const directory = await temporaryDirectory()
    const log = await openLog(directory)
    const receipts = await Promise.all([log.append(exchange(1)), log.append(exchange(2))])
    const erasures = receipts.map(({ id }) => log.erase(id, 'tenant'))
    await Promise.all([log.close(), ...erasures])
    expect(await verifyLog(directory, SIGNER.vkey)).toMatchObject({ size: 4, erased: 2 })
    await expect(log.erase(receipts[0].id, 'request')).rejects.toThrow(coded('audit.log-closed'))
  })

  test('is refused for what is not there or was erased', async () => {
    const log = await openLog(await temporaryDirectory())
    const { id } = await log.append(exchange(1))
    const unknown = 'evt_01jd0000000000000000000000' as EventId
    await expect(log.erase(unknown, 'tenant')).rejects.toThrow(coded('audit.event-unknown'))
    await expect(log.erase(id, 'email')).rejects.toThrow(coded('audit.commitment-unknown'))
    await log.erase(id, 'tenant')
    await expect(log.erase(id, 'tenant')).rejects.toThrow(coded('audit.already-erased'))
    expect(log.size).toBe(2)
    await log.close()
  })
})
