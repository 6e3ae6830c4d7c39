import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { crashRounds } from '../../../test/support/crash-rounds.ts'
import { scratchFolder } from '../../../test/support/scratch.ts'

test('every row that was acknowledged survives kill -9', async ({ onTestFinished }) => {
  const folder = scratchFolder('crash')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const report = await crashRounds(`sqlite:${join(folder, 'records.db')}`, 3)
  expect(report.acknowledged).toBeGreaterThan(3)
  expect(report).toMatchObject({ lost: [], unexplained: [] })
})
