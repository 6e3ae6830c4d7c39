import { isSha256 } from '../../../../core/index.ts'
import { memorySource } from '../../../../formats/index.ts'
import { DEFAULT_SCAN_BUDGET } from '../budget.ts'
import { scanSource } from '../scan-file.ts'
import { mutate, randomOf } from './mutate.ts'
import { SEEDS } from './seeds.ts'

export interface FuzzResult {
  readonly inputs: number
  /** Inputs that broke a reader: the seed's name, the mutation's number and the bytes. */
  readonly failures: readonly { readonly name: string; readonly index: number; readonly base64: string }[]
  readonly slowestMs: number
  readonly largestHeapMiB: number
}

const DIGEST = '0'.repeat(64)
const MAX_FAILURES = 20

/** Scans mutations of every seed in turn, and counts the ones that make a reader throw. */
export async function fuzz(options: { readonly inputs: number; readonly seed: number }): Promise<FuzzResult> {
  const random = randomOf(options.seed)
  const failures: { name: string; index: number; base64: string }[] = []
  let slowestMs = 0
  let largestHeap = 0
  if (!isSha256(DIGEST)) throw new TypeError('a digest is not a digest')
  const budget = {
    ...DEFAULT_SCAN_BUDGET,
    maxOpcodes: 1_000_000,
    freeExpandedBytes: 16 * 1024 * 1024,
    timeLimitMs: 10_000,
  }
  for (let index = 0; index < options.inputs; index++) {
    const [name, bytes] = SEEDS[index % SEEDS.length] ?? ['', Buffer.alloc(0)]
    const mutated = mutate(bytes, random)
    const started = performance.now()
    const report = await scanSource(memorySource(mutated), name, DIGEST, {
      budget,
      allowGlobals: new Set(),
      monotonicMs: () => performance.now(),
    })
    slowestMs = Math.max(slowestMs, performance.now() - started)
    if (report.findings.some((finding) => finding.rule === 'scan.failed') && failures.length < MAX_FAILURES) {
      failures.push({ name, index, base64: mutated.toString('base64') })
    }
    if (index % 500 === 0) largestHeap = Math.max(largestHeap, process.memoryUsage.rss())
  }
  return {
    inputs: options.inputs,
    failures,
    slowestMs: Math.round(slowestMs),
    largestHeapMiB: Math.round(largestHeap / 1024 ** 2),
  }
}
