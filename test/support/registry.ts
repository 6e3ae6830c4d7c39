import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { AuditLog, type LogEntry } from '../../src/audit/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { Keystore } from '../../src/crypto/index.ts'
import { BlobStore, type Database, openDatabase } from '../../src/storage/index.ts'
import {
  AdmissionPolicySchema,
  Models,
  type ModelsParts,
  type PushResult,
  type SupplyTables,
  supplyMigrations,
} from '../../src/supply/index.ts'
import type { TestDatabase } from './databases.ts'
import { incomingFiles, type PackageFiles } from './model-package.ts'
import { scratchFolder } from './scratch.ts'

/** A registry with everything under it real: keys, log, blobs, records. */
export interface TestRegistry {
  readonly models: Models
  readonly parts: ModelsParts
  readonly log: AuditLog
  readonly database: Database<SupplyTables>
  close(): Promise<void>
}

const ORIGIN = 'sallyport.test/log'

/** Opens the registry of a state folder, making the folder's parts when they are not there. */
export async function openRegistry(
  folder: string,
  databaseUrl: string,
  replace: (parts: ModelsParts) => Partial<ModelsParts> = () => ({}),
): Promise<TestRegistry> {
  const keystore = await Keystore.open(join(folder, 'keys'), { create: true })
  const signer = keystore.logSigner(ORIGIN)
  const log = await AuditLog.open({
    directory: join(folder, 'log'),
    signer,
    origin: ORIGIN,
    clock: systemClock,
  })
  const database = await openDatabase<SupplyTables>(databaseUrl, supplyMigrations)
  const whole: ModelsParts = {
    database,
    blobs: await BlobStore.open(join(folder, 'blobs')),
    signingKey: keystore.modelSigningKey(),
    policy: AdmissionPolicySchema.parse({}),
    clock: systemClock,
    log,
  }
  const parts = { ...whole, ...replace(whole) }
  const close = async () => {
    await database.close()
    await log.close()
  }
  return { models: await Models.open(parts), parts, log, database, close }
}

/** The log's entries of some types, oldest first. */
export async function loggedEvents(log: AuditLog, ...types: readonly string[]): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for await (const entry of log.read()) if (types.includes(entry.type)) entries.push(entry)
  return entries
}

/** Digests of all blobs that are stored, in order. */
export async function storedBlobs({ blobs }: ModelsParts): Promise<string[]> {
  const digests: string[] = []
  for await (const { sha256 } of blobs.list()) digests.push(sha256)
  return digests.sort()
}

/** A registry in a folder of its own, gone after the test; in SQLite unless another kind of database is given. */
export async function temporaryRegistry(
  context: TestContext,
  { kind, replace }: { kind?: TestDatabase; replace?: (parts: ModelsParts) => Partial<ModelsParts> } = {},
): Promise<TestRegistry & { readonly folder: string; readonly url: string }> {
  const folder = scratchFolder('registry')
  context.onTestFinished(() => rm(folder, { recursive: true }))
  const url = kind === undefined ? `sqlite:${join(folder, 'records.db')}` : await kind.emptyUrl(context)
  const registry = await openRegistry(folder, url, replace)
  context.onTestFinished(() => registry.close())
  return { ...registry, folder, url }
}

export function push({ models }: Pick<TestRegistry, 'models'>, files: PackageFiles): Promise<PushResult> {
  return models.push(incomingFiles(files), { pushedBy: 'tester' })
}
