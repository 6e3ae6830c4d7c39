import { expect, test } from 'vitest'
import { crashRounds } from '../../test/audit/crash-rounds.ts'

test('kill -9 under load loses nothing acknowledged (150 rounds)', async () => {
  const result = await crashRounds(150, 10)
  process.stdout.write(`${JSON.stringify(result)}\n`)
  expect(result.acknowledged).toBeGreaterThan(5_000)
})
