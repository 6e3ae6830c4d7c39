import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Child } from '../../test/support/child.ts'
import { scratchFolder } from '../../test/support/scratch.ts'
import { acquireStateLock } from './state-lock.ts'

let folder: string
beforeEach(() => {
  folder = scratchFolder('lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

const clock = { now: () => Date.UTC(2026, 10, 21) }

describe('the lock of a state folder', () => {
  test('keeps a second process out and tells it who holds it', async () => {
    const lock = await acquireStateLock(folder, 'sallyport up', clock)
    const child = Child.start('hold-lock.ts', [folder])
    expect(await child.rest()).toEqual(['storage.state-locked'])
    lock.release()
  })

  test('names the process that holds it, since when, and what to do', async () => {
    const child = Child.start('hold-lock.ts', [folder])
    expect(await child.line()).toBe('held')
    await expect(acquireStateLock(folder, 'sallyport up')).rejects.toMatchObject({
      code: 'storage.state-locked',
      kind: 'conflict',
      message: expect.stringContaining(`sallyport serve (process ${child.pid} on `),
      remedy: expect.stringContaining('--state'),
      details: { directory: folder, pid: child.pid },
    })
    await child.kill()
  })

  test('is free again after kill -9 of its holder', async () => {
    for (let round = 0; round < 3; round++) {
      const child = Child.start('hold-lock.ts', [folder])
      expect(await child.line()).toBe('held')
      await child.kill()
    }
    const lock = await acquireStateLock(folder, 'sallyport up')
    lock.release()
  })

  test('keeps a second part of the same process out, and stays held when that one fails', async () => {
    const lock = await acquireStateLock(folder, 'sallyport up', clock)
    await expect(acquireStateLock(folder, 'sallyport up')).rejects.toMatchObject({
      code: 'storage.state-locked',
      message: expect.stringContaining('since 2026-11-21T00:00:00.000Z'),
    })
    const child = Child.start('hold-lock.ts', [folder])
    expect(await child.rest()).toEqual(['storage.state-locked'])
    lock.release()
  })

  test('is free after release, which may be repeated', async () => {
    const lock = await acquireStateLock(folder, 'sallyport up')
    lock.release()
    lock.release()
    const next = await acquireStateLock(folder, 'sallyport up')
    next.release()
    expect(readdirSync(folder)).toEqual(['lock'])
  })

  test('goes to exactly one of many that ask at once', async () => {
    const children = Array.from({ length: 4 }, () => Child.start('hold-lock.ts', [folder]))
    const answers = await Promise.all(children.map((child) => child.line()))
    await Promise.all(children.map((child) => child.kill()))
    expect(answers.toSorted()).toEqual(['held', ...Array.from({ length: 3 }, () => 'storage.state-locked')])
  })

  test('is refused where a file of something else stands in its place', async () => {
    writeFileSync(join(folder, 'lock'), 'not a lock\n'.repeat(100))
    await expect(acquireStateLock(folder, 'sallyport up')).rejects.toMatchObject({
      code: 'storage.state-lock-damaged',
      kind: 'conflict',
    })
  })

  test('is refused where there is no folder', async () => {
    await expect(acquireStateLock(join(folder, 'none'), 'sallyport up')).rejects.toMatchObject({
      code: 'storage.state-folder-unusable',
    })
  })
})
