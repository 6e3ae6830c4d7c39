import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/sallyport-process.ts'
import { killUnderLoad } from './kill-nine.ts'

test('no acknowledged exchange is lost in 100 rounds of kill -9 under load', async () => {
  const directory = temporaryDirectory()
  try {
    const report = await killUnderLoad(directory.path, 100)
    process.stdout.write(`100 rounds: ${report.acknowledged} acknowledged, ${report.lost.length} lost\n`)
    expect(report.acknowledged).toBeGreaterThan(1_000)
    expect(report.lost).toEqual([])
    expect(report.isSound).toBe(true)
  } finally {
    directory.remove()
  }
})
