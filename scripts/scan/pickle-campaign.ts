/**
 * Compares the pickle machine with CPython's C unpickler on generated streams:
 * `python3 scripts/scan/pickle-oracle.py 200000 1 | node scripts/scan/pickle-campaign.ts`.
 * Exits with 1 when the machine misses a global that CPython resolves.
 */
import { createInterface } from 'node:readline'
import { compareWithOracle, type OracleLine } from '../../test/vectors/pickle/oracle.ts'

let streams = 0
let complete = 0
let globals = 0
const differences: string[] = []
for await (const text of createInterface({ input: process.stdin })) {
  const line: OracleLine = JSON.parse(text)
  streams++
  globals += line.g.length
  if (line.ok) complete++
  const difference = compareWithOracle(line)
  if (difference !== undefined && differences.push(`${difference}\n  ${text}`) <= 20) {
    console.log(differences.at(-1))
  }
}
console.log(
  `${streams} streams, ${complete} loaded to STOP, ${globals} globals, ${differences.length} differences`,
)
process.exitCode = differences.length === 0 ? 0 : 1
