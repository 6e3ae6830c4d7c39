import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, type TestContext, test } from 'vitest'
import { DATABASES, type TestDatabase } from '../../test/support/databases.ts'
import { AuditLog } from '../audit/index.ts'
import {
  type ArtifactId,
  type EnvironmentName,
  type ModelName,
  SallyportError,
  type VersionName,
} from '../core/index.ts'
import { NoteSigner } from '../crypto/index.ts'
import { Deployments } from './deployments.ts'
import { type RolloutTables, rolloutMigrations } from './migrations.ts'

const production = 'production' as EnvironmentName
const request = (version: string) => ({
  model: 'income' as ModelName,
  version: version as VersionName,
  environment: production,
  actor: 'owner',
})

async function setUp(context: TestContext, kind: TestDatabase) {
  const database = await kind.open<RolloutTables>(context, rolloutMigrations)
  const directory = mkdtempSync(join(tmpdir(), 'rollout-'))
  const origin = 'sallyport.test/rollout'
  const clock = { time: 1_000, now: () => clock.time }
  const log = await AuditLog.open({
    directory,
    origin,
    clock,
    signer: NoteSigner.fromSeed(origin, new Uint8Array(32)),
  })
  context.onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  const revoked = new Set<string>()
  const prove = async (_model: string, version: string) => {
    if (revoked.has(version)) {
      throw new SallyportError('supply.version-revoked', 'it is revoked', { kind: 'refused' })
    }
    return version.repeat(64).slice(0, 64) as ArtifactId
  }
  const parts = { database, log, clock, prove }
  return { parts, clock, log, revoked, database, deployments: await Deployments.open(parts) }
}

describe.each(DATABASES)('deployments on $dialect', (kind) => {
  test('supersede each other, and what was in force at a time is found', async (context) => {
    const { deployments, clock } = await setUp(context, kind)
    const first = await deployments.deploy(request('1'))
    clock.time = 2_000
    const second = await deployments.deploy(request('2'))
    expect(await deployments.current(production)).toEqual([second])
    expect(await deployments.at(production, 999)).toEqual([])
    expect(await deployments.at(production, 1_999)).toEqual([first])
    expect(await deployments.at(production, 2_000)).toEqual([second])
    expect(await deployments.history(production)).toEqual([first, second])
    expect(await deployments.current('staging' as EnvironmentName)).toEqual([])
  })

  test('never share a time, so that one of them was in force', async (context) => {
    const { deployments } = await setUp(context, kind)
    const first = await deployments.deploy(request('1'))
    const second = await deployments.deploy(request('2'))
    expect(second.deployedAt).toBeGreaterThan(first.deployedAt)
  })

  test('stand in the log under the event they name', async (context) => {
    const { deployments, log } = await setUp(context, kind)
    const { eventId, id } = await deployments.deploy(request('1'))
    expect(await log.find(eventId)).toMatchObject({
      type: 'deployment.created',
      data: { deployment: id, model: 'income', version: '1', environment: 'production' },
    })
  })

  test('that are refused are events too, and change nothing', async (context) => {
    const { deployments, log, revoked } = await setUp(context, kind)
    revoked.add('1')
    const refusal = await deployments.deploy(request('1')).catch((thrown: unknown) => thrown)
    if (!(refusal instanceof SallyportError)) throw refusal
    expect(refusal.code).toBe('supply.version-revoked')
    expect(await log.find(refusal.details['event'] as never)).toMatchObject({
      type: 'deployment.refused',
      data: { code: 'supply.version-revoked' },
    })
    expect(await deployments.history(production)).toEqual([])
  })

  test('whose event was written before a crash are completed at the next start', async (context) => {
    const { deployments, parts, database } = await setUp(context, kind)
    const deployed = await deployments.deploy(request('1'))
    await database.kysely.updateTable('deployments').set({ event_id: null }).execute()
    expect(await deployments.current(production)).toEqual([])
    const reopened = await Deployments.open(parts)
    expect(await reopened.current(production)).toEqual([deployed])
  })

  test('whose event was not written before a crash are forgotten at the next start', async (context) => {
    const { parts, database, log } = await setUp(context, kind)
    const row = {
      id: 'dep_unfinished',
      model: 'income',
      version: '1',
      environment: 'production',
      artifact_id: 'a',
      deployed_at: 1,
      log_size_before: log.size,
      event_id: null,
    }
    await database.kysely.insertInto('deployments').values(row).execute()
    const reopened = await Deployments.open(parts)
    expect(await reopened.history(production)).toEqual([])
    expect(await database.kysely.selectFrom('deployments').selectAll().execute()).toEqual([])
  })

  test('end when the model is withdrawn, and what was in force before is still known', async (context) => {
    const { deployments, clock, log } = await setUp(context, kind)
    const deployed = await deployments.deploy(request('1'))
    clock.time = 2_000
    const eventId = await deployments.withdraw(request('1'))
    expect(await log.find(eventId)).toMatchObject({ type: 'deployment.withdrawn', data: { model: 'income' } })
    expect(await deployments.current(production)).toEqual([])
    expect(await deployments.at(production, 1_999)).toEqual([deployed])
    await expect(deployments.withdraw(request('1'))).rejects.toMatchObject({
      code: 'rollout.nothing-deployed',
    })
  })

  test('refuse an environment whose name is not one', async (context) => {
    const { deployments } = await setUp(context, kind)
    for (const environment of ['', 'Production', '../x', 'a b'] as EnvironmentName[]) {
      const deploying = deployments.deploy({ ...request('1'), environment })
      await expect(deploying).rejects.toMatchObject({ code: 'rollout.environment-invalid' })
    }
  })
})
