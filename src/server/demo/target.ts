import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EnvironmentName, newExchangeId, systemClock } from '../../core/index.ts'
import { type ModelVersion, packDirectory } from '../../supply/index.ts'
import type { Server } from '../server.ts'
import { EXAMPLE, makeDemoKey } from './demonstrate.ts'

/** A model that may be harmed: a copy of the example under another name, admitted, deployed and reachable. */
export interface Target {
  readonly server: Server
  readonly version: ModelVersion
  /** Its package, to be changed and pushed again. */
  readonly directory: string
  readonly environment: EnvironmentName
  /** A key that may infer. */
  readonly key: string
}

export const OWNER = { kind: 'owner' } as const
const TARGET_NAME = 'income-under-attack'

/** Pushes and deploys the target, lets `work` harm it, and revokes it whatever happened. */
export async function withTarget<Result>(
  server: Server,
  work: (target: Target) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-attack-'))
  try {
    await cp(join(EXAMPLE, 'model'), directory, { recursive: true })
    await edit(join(directory, 'model.yaml'), (text) => text.replace(/^name: .*$/m, `name: ${TARGET_NAME}`))
    // A version that was revoked can never come back, so every run needs bytes of its own.
    await edit(
      join(directory, 'README.md'),
      (text) => `${text}\nTarget ${newExchangeId(systemClock.now())}.\n`,
    )
    const { version } = await server.platform.push(packDirectory(directory), OWNER)
    const environment = server.platform.config.environment as EnvironmentName
    await server.platform.deploy(version.model, version.version, environment, OWNER)
    try {
      return await work({ server, version, directory, environment, key: await makeDemoKey(server) })
    } finally {
      const { status } = await server.platform.models.show(version.model, version.version)
      if (status !== 'revoked') {
        await server.platform.revokeVersion(
          version.model,
          version.version,
          'the target of a demonstration',
          OWNER,
        )
      }
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')))
}
