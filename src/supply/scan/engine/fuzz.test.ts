import { expect, test } from 'vitest'
import { fuzz } from './testing/fuzz.ts'

test('mutated files of every format crash no reader, hang none and take little memory', async () => {
  const result = await fuzz({ inputs: 3_000, seed: 1 })
  expect(result).toMatchObject({ failures: [], inputs: 3_000 })
  expect(result.slowestMs).toBeLessThan(2_000)
})
