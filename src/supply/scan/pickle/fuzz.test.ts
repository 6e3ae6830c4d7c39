import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fuzz } from '../../../../test/support/pickle-fuzz.ts'
import { memorySource } from '../../../formats/index.ts'
import { scanNumpy, scanPickle } from './index.ts'

const CONTEXT = {
  isClaimed: true,
  profile: 'any' as const,
  allowGlobals: new Set<string>(),
  maxOpcodes: 100_000,
}

test('a scan of any bytes ends and throws nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const scan = scanPickle(memorySource(bytes), CONTEXT)
      expect(scan.end).toBeLessThanOrEqual(bytes.length)
      scanNumpy(memorySource(bytes), CONTEXT)
    }),
    { numRuns: 2000 },
  )
})

test.each(['pickle', 'numpy'] as const)(
  'a scan of mutated %s files ends soon and throws nothing',
  (family) => {
    expect(fuzz(family, 5000, randomInt(2 ** 31)).slowestMs).toBeLessThan(2000)
  },
)
