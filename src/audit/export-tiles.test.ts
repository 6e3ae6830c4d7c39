import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exchange, ORIGIN, openLog, SIGNER, temporaryDirectory } from '../../test/audit/fixture.ts'
import { leafHash, MerkleFrontier, openCheckpoint } from '../crypto/index.ts'
import { tilePath } from './export-tiles.ts'

describe('a tile path', () => {
  test('has the groups of three digits of C2SP tlog-tiles', () => {
    expect(tilePath('0', 1234067, 256)).toBe('tile/0/x001/x234/067')
    expect(tilePath('1', 0, 256)).toBe('tile/1/000')
    expect(tilePath('entries', 1000, 112)).toBe('tile/entries/x001/000.p/112')
  })
})

describe('exported tiles', () => {
  // The last has two levels above the leaves.
  test.each([1, 255, 256, 257, 66_000])('alone give the signed root of %i entries', async (size) => {
    const directory = await temporaryDirectory(tmpdir())
    const log = await openLog(directory)
    for (let done = 0; done < size; done += 10_000) {
      const count = Math.min(10_000, size - done)
      await Promise.all(
        Array.from({ length: count }, (_, number) => log.append({ type: 'a.b', data: { number } })),
      )
    }
    const { id } = await log.append(exchange(1))
    const exported = join(await temporaryDirectory(tmpdir()), 'tiles')
    await log.exportTiles(exported)
    await log.close()

    const checkpoint = await readFile(join(exported, 'checkpoint'), 'utf8')
    const head = openCheckpoint(checkpoint, SIGNER.verifier, ORIGIN)
    expect(head.size).toBe(size + 1)

    // From the entries.
    const frontier = new MerkleFrontier()
    let text = ''
    for (let first = 0; first < head.size; first += 256) {
      const width = Math.min(256, head.size - first)
      const bundle = await readFile(join(exported, tilePath('entries', first / 256, width)))
      let at = 0
      for (let entry = 0; entry < width; entry++) {
        const end = at + 2 + bundle.readUInt16BE(at)
        frontier.push(leafHash(bundle.subarray(at + 2, end)).toString('latin1'))
        text = bundle.toString('utf8', at + 2, end)
        at = end
      }
      expect(at).toBe(bundle.length)
    }
    expect(frontier.root()).toEqual(head.root)
    expect(JSON.parse(text)).toMatchObject({ id })

    // From the incomplete tiles at the right edge alone.
    const edge = new MerkleFrontier()
    for (let level = 5; level >= 0; level--) {
      const hashes = Math.floor(head.size / 256 ** level)
      const width = hashes % 256
      if (width === 0) continue
      const tile = await readFile(join(exported, tilePath(`${level}`, Math.floor(hashes / 256), width)))
      expect(tile.length).toBe(width * 32)
      const inTile = new MerkleFrontier()
      for (let at = 0; at < tile.length; at += 32) inTile.push(tile.toString('latin1', at, at + 32))
      for (const { height, root } of inTile.subtrees()) edge.pushSubtree(level * 8 + height, root)
    }
    expect(edge.root()).toEqual(head.root)
  })
})
