import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { verifyLog } from '../../src/audit/index.ts'
import { openLog, SIGNER, temporaryDirectory } from './fixture.ts'

const CHILD = join(import.meta.dirname, 'crash-child.ts')

export interface CrashResult {
  readonly rounds: number
  readonly acknowledged: number
  readonly erased: number
  readonly entries: number
  /** Rounds in which the kill left part of a commit behind. */
  readonly tornTails: number
  readonly longestOpenMs: number
}

/**
 * Kills a process that appends to a log, `rounds` times at random moments, and after each kill expects that the log
 * opens, that everything that was ever acknowledged is in it, and that all of it verifies.
 */
export async function crashRounds(rounds: number, verifyEvery: number): Promise<CrashResult> {
  const directory = await temporaryDirectory(tmpdir())
  const acknowledged = new Set<string>()
  const erased = new Set<string>()
  let [entries, tornTails, longestOpenMs] = [0, 0, 0]
  await (await openLog(directory)).close()
  for (let round = 0; round < rounds; round++) {
    const lines = await killedAfter(directory, Math.ceil(Math.random() * 300), Math.random() * 20)
    for (const line of lines) {
      if (line.startsWith('+ ')) acknowledged.add(line.slice(2))
      if (line.startsWith('- ')) erased.add(line.slice(2))
    }
    const isVerified = round % verifyEvery === verifyEvery - 1
    if (isVerified && (await verifyLog(directory, SIGNER.vkey)).unfinishedBytes > 0) tornTails++
    const startedAt = performance.now()
    const log = await openLog(directory)
    longestOpenMs = Math.max(longestOpenMs, performance.now() - startedAt)
    const missing = new Set(acknowledged)
    const notErased = new Set(erased)
    for await (const entry of log.read()) {
      missing.delete(entry.id)
      if (entry.openings['tenant']?.state === 'erased') notErased.delete(entry.id)
    }
    expect({ round, missing, notErased }).toEqual({ round, missing: new Set(), notErased: new Set() })
    entries = log.size
    await log.close()
    if (isVerified) expect((await verifyLog(directory, SIGNER.vkey)).size).toBe(entries)
  }
  return {
    rounds,
    acknowledged: acknowledged.size,
    erased: erased.size,
    entries,
    tornTails,
    longestOpenMs: Math.round(longestOpenMs),
  }
}

/**
 * Runs the child, kills it `delayMs` after it has told of `count` things, and gives the whole lines that it wrote. What is
 * counted does not depend on how busy the machine is; the moment within a commit is left to chance.
 */
async function killedAfter(directory: string, count: number, delayMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let told = 0
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    output += chunk
    const before = told
    told += chunk.split('\n').length - 1
    if (before < count && told >= count) setTimeout(() => child.kill('SIGKILL'), delayMs)
  })
  const [code, signal] = await once(child, 'close')
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' })
  return output.split('\n').slice(0, -1)
}
