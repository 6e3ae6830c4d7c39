import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { AuditLog, type AuditLogOptions, type EventInput } from '../../src/audit/index.ts'
import { NoteSigner } from '../../src/crypto/index.ts'

export const ORIGIN = 'test.example/log'
export const SIGNER = NoteSigner.fromSeed(ORIGIN, Buffer.alloc(32, 7))

/** A clock that stands still until it is moved. */
export const clock = { at: Date.UTC(2026, 0, 2, 3, 4, 5, 6), now: () => clock.at }

/** Where small logs of tests stand: in memory where there is such a place, as they sync a thousand times. */
export const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** An empty folder that goes away with the test. Large logs, and those whose disk matters, stand in `tmpdir()`. */
export async function temporaryDirectory(parent = MEMORY): Promise<string> {
  const directory = await mkdtemp(join(parent, 'audit-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export const openLog = (directory: string, options: Partial<AuditLogOptions> = {}) =>
  AuditLog.open({ directory, signer: SIGNER, clock, origin: ORIGIN, ...options })

/** An event with a commitment of every kind. */
export const exchange = (number: number): EventInput => ({
  type: 'exchange.served',
  data: { number, status: 200 },
  private: { tenant: `tenant ${number}` },
  commit: { request: Buffer.from(`prompt ${number}`) },
})

/** A copy of a log's folder as it stands: what a crash would leave. */
export async function copyOf(directory: string, parent = MEMORY): Promise<string> {
  const copy = join(await temporaryDirectory(parent), 'log')
  await cp(directory, copy, { recursive: true })
  return copy
}

/** The content of every file of a folder. */
export async function contentOf(directory: string): Promise<Record<string, string>> {
  const files = (await readdir(directory)).sort()
  const contents = await Promise.all(files.map((file) => readFile(join(directory, file), 'latin1')))
  return Object.fromEntries(files.map((file, at) => [file, contents[at] ?? '']))
}
