import { writeSync } from 'node:fs'
import type { ModelName, VersionName } from '../../../src/core/index.ts'
import type { ModelsParts } from '../../../src/supply/index.ts'
import type { CrashStep } from '../crashed-push.ts'
import { modelPackage } from '../model-package.ts'
import { openRegistry, push } from '../registry.ts'

/**
 * Pushes the model package of tests into the state folder in its first argument, with the records at the URL in its
 * second; or revokes the version that it makes, when the third is `revoke`. The fourth is a step, by its number or its
 * name: there the process is killed by SIGKILL. It prints `acknowledged` once it was told that all is well, and then how
 * many steps there were.
 */
const [, , folder = '', url = '', task = '', fatal = ''] = process.argv

let steps = 0
let isCounting = false
function step(name: CrashStep): void {
  if (!isCounting) return
  steps += 1
  if (steps === Number(fatal) || name === fatal) process.kill(process.pid, 'SIGKILL')
}

function watch({ blobs, log, database }: ModelsParts): Partial<ModelsParts> {
  const put = blobs.put.bind(blobs)
  blobs.put = async (source, options) => {
    step('before-blob')
    const stored = await put(source, options)
    step('after-blob')
    return stored
  }
  return {
    blobs,
    log: {
      get size() {
        return log.size
      },
      read: (from, to) => log.read(from, to),
      async append(event) {
        step('before-event')
        const receipt = await log.append(event)
        step('after-event')
        return receipt
      },
    },
    database: {
      dialect: database.dialect,
      kysely: database.kysely.withPlugin({
        transformQuery({ node }) {
          step('before-query')
          return node
        },
        transformResult: async ({ result }) => result,
      }),
      async transaction(work) {
        const result = await database.transaction(async (transaction) => {
          const inside = await work(transaction)
          step('before-commit')
          return inside
        })
        step('after-commit')
        return result
      },
      close: () => database.close(),
    },
  }
}

const registry = await openRegistry(folder, url, watch)
if (task === 'push') {
  isCounting = true
  await push(registry, modelPackage())
} else {
  await push(registry, modelPackage())
  isCounting = true
  await registry.models.revoke('identity' as ModelName, '1' as VersionName, {
    reason: 'test',
    revokedBy: 'tester',
  })
}
writeSync(1, 'acknowledged\n')
isCounting = false
await registry.close()
writeSync(1, `${steps}\n`)
