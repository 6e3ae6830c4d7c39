import { expect, test } from 'vitest'
import { crashRounds } from '../../test/audit/crash-rounds.ts'

test('kill -9 under load loses nothing acknowledged (10 rounds)', async () => {
  const result = await crashRounds(10, 5)
  expect(result.acknowledged).toBeGreaterThan(100)
  expect(result.erased).toBeGreaterThan(5)
})
