import { rm } from 'node:fs/promises'
import { expect, type TestContext } from 'vitest'
import type { ModelName, VersionName } from '../../src/core/index.ts'
import { Child } from './child.ts'
import type { TestDatabase } from './databases.ts'
import { modelPackage } from './model-package.ts'
import { loggedEvents, openRegistry, push, storedBlobs, type TestRegistry } from './registry.ts'
import { scratchFolder } from './scratch.ts'

const MODEL = 'identity' as ModelName
const VERSION = '1' as VersionName

/** Where a process that pushes can be killed. */
export type CrashStep =
  | 'before-blob'
  | 'after-blob'
  | 'before-query'
  | 'before-commit'
  | 'after-commit'
  | 'before-event'
  | 'after-event'

/** How many places there are to kill a process that pushes or revokes. */
export async function countSteps(
  context: TestContext,
  kind: TestDatabase,
  task: 'push' | 'revoke',
): Promise<number> {
  const { lines } = await run(context, kind, task, 0)
  expect(lines[0]).toBe('acknowledged')
  return Number(lines[1])
}

/** Kills a push at a step and proves that it left nothing or a whole version, and that all works on. */
export async function crashPush(
  context: TestContext,
  kind: TestDatabase,
  step: CrashStep | number,
): Promise<void> {
  const { folder, url, lines } = await run(context, kind, 'push', step)
  await withRegistry(folder, url, async (registry) => {
    const { models, parts, log } = registry
    const left = await models.list()
    if (lines.includes('acknowledged')) expect(left).toHaveLength(1)
    const admitted = await loggedEvents(log, 'model.admitted')
    expect(left.map((version) => version.eventId)).toEqual(admitted.map((event) => event.id))
    for (const { model, version } of left) expect((await models.verify(model, version)).isSound).toBe(true)

    const again = await push(registry, modelPackage())
    expect(again).toMatchObject({ isNew: left.length === 0, version: { version: '1' } })
    await models.sweepUnreferenced()
    const { files, signature } = again.version
    expect(await storedBlobs(parts)).toEqual([...files.map((file) => file.sha256), signature.bundle].sort())
    expect(await loggedEvents(log, 'model.admitted', 'model.refused')).toHaveLength(1)
  })
}

/** Kills a revocation at a step and proves that the version is either as it was or revoked, with the event to show it. */
export async function crashRevocation(
  context: TestContext,
  kind: TestDatabase,
  step: CrashStep | number,
): Promise<void> {
  const { folder, url, lines } = await run(context, kind, 'revoke', step)
  await withRegistry(folder, url, async ({ models, log }) => {
    const { status } = await models.show(MODEL, VERSION)
    if (lines.includes('acknowledged')) expect(status).toBe('revoked')
    expect(await loggedEvents(log, 'model.revoked')).toHaveLength(status === 'revoked' ? 1 : 0)
    const revoked = await models.revoke(MODEL, VERSION, { reason: 'again', revokedBy: 'tester' })
    expect(revoked.status).toBe('revoked')
    expect(await loggedEvents(log, 'model.revoked')).toHaveLength(1)
    await expect(models.open(MODEL, VERSION)).rejects.toMatchObject({ code: 'supply.version-revoked' })
  })
}

async function run(
  context: TestContext,
  kind: TestDatabase,
  task: 'push' | 'revoke',
  step: CrashStep | number,
) {
  const folder = scratchFolder('crash')
  context.onTestFinished(() => rm(folder, { recursive: true }))
  const url = await kind.emptyUrl(context)
  const child = Child.start('push-model.ts', [folder, url, task, String(step)])
  return { folder, url, lines: await child.rest() }
}

async function withRegistry(
  folder: string,
  url: string,
  work: (registry: TestRegistry) => Promise<void>,
): Promise<void> {
  const registry = await openRegistry(folder, url)
  try {
    await work(registry)
  } finally {
    await registry.close()
  }
}
