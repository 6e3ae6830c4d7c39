import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { exchange, openLog, SIGNER, temporaryDirectory } from '../../test/audit/fixture.ts'
import { verifyLog } from './verify-log.ts'

const CHILD = join(import.meta.dirname, '../../test/audit/limited-child.ts')
const OUTCOME = z.object({
  acknowledged: z.array(z.string()),
  refusals: z.array(z.object({ code: z.string(), errno: z.string() })),
  after: z.string(),
  isPoisoned: z.boolean(),
})

test.each([64, 101, 256])(
  'when a disk of %i KiB is full nothing more is acknowledged, and nothing acknowledged is lost',
  async (kibibytes) => {
    const directory = await temporaryDirectory(tmpdir())
    await (await openLog(directory)).close()
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      'ulimit -f "$1" && exec "$2" "$3" "$4"',
      'bash',
      `${kibibytes}`,
      process.execPath,
      CHILD,
      directory,
    ])
    const { acknowledged, refusals, after, isPoisoned } = OUTCOME.parse(JSON.parse(stdout))
    expect(acknowledged.length).toBeGreaterThan(20)
    for (const refusal of refusals) expect(refusal).toEqual({ code: 'audit.disk-failed', errno: 'EFBIG' })
    expect({ after, isPoisoned }).toEqual({ after: 'audit.disk-failed', isPoisoned: true })

    const log = await openLog(directory)
    for (const id of acknowledged) expect(await log.find(id)).toBeDefined()
    await log.append(exchange(1))
    await log.close()
    expect((await verifyLog(directory, SIGNER.vkey)).size).toBeGreaterThan(acknowledged.length)
  },
)
