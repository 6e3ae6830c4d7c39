/**
 * Scans an unpacked corpus with a `cases.json` and counts what was detected, missed, blamed and left inconclusive.
 *
 * `cases.json` holds `malicious` and `benign`, arrays of `{file}`; the files lie in folders of these names beside it.
 * Usage: npm run scan:corpus -- DIR [--verbose]
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { type ScannedPath, scanPaths } from '../../src/supply/scan/index.ts'

const caseSchema = z.object({ file: z.string(), name: z.string().optional() })
const casesSchema = z.object({
  malicious: z.array(caseSchema).default([]),
  benign: z.array(caseSchema).default([]),
})

const [directory, ...flags] = process.argv.slice(2)
if (directory === undefined || !existsSync(join(directory, 'cases.json'))) {
  console.error('usage: npm run scan:corpus -- DIR (a folder with a cases.json)')
  process.exit(4)
}
const cases = casesSchema.parse(JSON.parse(readFileSync(join(directory, 'cases.json'), 'utf8')))
const isVerbose = flags.includes('--verbose')

async function verdicts(kind: 'malicious' | 'benign'): Promise<Map<string, ScannedPath | undefined>> {
  const paths = new Map<string, string>()
  for (const { file } of cases[kind]) {
    const inFolder = join(directory ?? '', kind, file)
    paths.set(existsSync(inFolder) ? inFolder : join(directory ?? '', file), file)
  }
  const found = new Map<string, ScannedPath | undefined>([...paths.values()].map((file) => [file, undefined]))
  const worst = { clean: 0, inconclusive: 1, findings: 2 }
  for await (const report of scanPaths([...paths.keys()])) {
    for (const [path, file] of paths) {
      if (report.path !== path && !report.path.startsWith(`${path}/`)) continue
      const before = found.get(file)
      if (before === undefined || worst[report.verdict] > worst[before.verdict]) found.set(file, report)
    }
  }
  return found
}

const started = performance.now()
const malicious = await verdicts('malicious')
const benign = await verdicts('benign')
const select = (reports: Map<string, ScannedPath | undefined>, verdict: string) =>
  [...reports].filter(([, report]) => (report?.verdict ?? 'unscanned') === verdict).map(([file]) => file)

const missed = [...select(malicious, 'clean'), ...select(malicious, 'unscanned')]
const blamed = select(benign, 'findings')
const undecided = [...select(malicious, 'inconclusive'), ...select(benign, 'inconclusive')]
console.log(`malicious    ${malicious.size}`)
console.log(`  detected   ${select(malicious, 'findings').length}`)
console.log(`  missed     ${missed.length}`)
console.log(`  inconclusive ${select(malicious, 'inconclusive').length}`)
console.log(`benign       ${benign.size}`)
console.log(`  clean      ${select(benign, 'clean').length}`)
console.log(`  blamed     ${blamed.length}`)
console.log(`  inconclusive ${select(benign, 'inconclusive').length}`)
console.log(`seconds      ${((performance.now() - started) / 1000).toFixed(2)}`)
for (const [title, files] of [
  ['missed', missed],
  ['blamed', blamed],
  ['inconclusive', undecided],
] as const) {
  for (const file of files) console.log(`${title}: ${file}${isVerbose ? ` ${why(file)}` : ''}`)
}
process.exitCode = missed.length + blamed.length > 0 ? 1 : undecided.length > 0 ? 3 : 0

function why(file: string): string {
  const report = malicious.get(file) ?? benign.get(file)
  return (report?.findings ?? []).map((finding) => `${finding.rule}: ${finding.message}`).join('; ')
}
