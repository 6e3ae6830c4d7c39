import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Sha256 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { BlobSweeper } from './blob-sweeper.ts'

const blob = (index: number): Sha256 => sha256(String(index))

/** A store whose deletions take their time, and which notices what must never happen. */
function slowStore(referenced: ReadonlySet<Sha256> = new Set()) {
  const deleted = new Set<Sha256>()
  const seen = { pushes: 0, deletions: 0, overlaps: 0 }
  const store = {
    async delete(digest: Sha256) {
      seen.deletions += 1
      if (seen.pushes > 0) seen.overlaps += 1
      await setTimeout(2)
      seen.deletions -= 1
      deleted.add(digest)
      return true
    },
  }
  const sweeper = new BlobSweeper(store, async () => {
    await setTimeout(1)
    return referenced
  })
  const push = (...blobs: Sha256[]) =>
    sweeper.guard(async (stored) => {
      seen.pushes += 1
      if (seen.deletions > 0) seen.overlaps += 1
      for (const each of blobs) stored(each)
      await setTimeout(3)
      seen.pushes -= 1
      throw new Error('refused')
    })
  return { sweeper, push, deleted, seen }
}

describe('the sweeper', () => {
  test('deletes what a failed push stored and nobody references', async () => {
    const { push, deleted } = slowStore(new Set([blob(1)]))
    await expect(push(blob(1), blob(2))).rejects.toThrow('refused')
    expect([...deleted]).toEqual([blob(2)])
  })

  test('never deletes while a push runs, and lets none begin while it deletes', async () => {
    const { sweeper, push, deleted, seen } = slowStore()
    const first = sweeper.sweep([blob(1)])
    await setTimeout(0)
    const waiting = [sweeper.sweep([blob(2)]), push(blob(3)).catch(() => undefined), sweeper.sweep([blob(4)])]
    await Promise.all([first, ...waiting, push(blob(5)).catch(() => undefined)])
    await sweeper.sweep()
    expect(seen.overlaps).toBe(0)
    expect(deleted.size).toBe(5)
  })
})
