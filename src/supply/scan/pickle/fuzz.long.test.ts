import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { fuzz } from '../../../../test/support/pickle-fuzz.ts'

test.each(['pickle', 'numpy'] as const)(
  'a million mutated %s files are scanned in less than 2 s and 256 MiB each',
  (family) => {
    const seed = randomInt(2 ** 31)
    const result = fuzz(family, 1_000_000, seed)
    process.stdout.write(`${family} seed ${seed} ${JSON.stringify(result)}\n`)
    expect(result.slowestMs).toBeLessThan(2000)
    expect(result.peakBytes).toBeLessThan(256 * 1024 ** 2)
  },
)
