import { expect, test } from 'vitest'
import { killUnderLoad } from '../chaos/kill-nine.ts'
import { temporaryDirectory } from '../support/sallyport-process.ts'

test('no acknowledged exchange is lost when the server is killed under load, and the log stays sound', async () => {
  const directory = temporaryDirectory()
  try {
    const report = await killUnderLoad(`${directory.path}/state`, 4)
    expect(report.acknowledged).toBeGreaterThan(0)
    expect(report.lost).toEqual([])
    expect(report.isSound).toBe(true)
  } finally {
    directory.remove()
  }
}, 180_000)
