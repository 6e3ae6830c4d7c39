import { expect, test } from 'vitest'
import { fuzz } from './testing/fuzz.ts'

test('a million mutated files of every format crash no reader, hang none over 2 s and take at most 256 MiB', async () => {
  const result = await fuzz({ inputs: Number(process.env['FUZZ_INPUTS'] ?? 1_000_000), seed: 20_260_101 })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  expect(result.failures).toEqual([])
  expect(result.slowestMs).toBeLessThan(2_000)
  expect(result.largestHeapMiB).toBeLessThan(256)
})
