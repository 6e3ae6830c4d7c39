import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { copyOf, exchange, openLog, SIGNER, temporaryDirectory } from '../../test/audit/fixture.ts'
import { verifyLog } from './verify-log.ts'

test('a log of a million entries opens at once, closed or killed, and verifies', async () => {
  const directory = await temporaryDirectory(tmpdir())
  const log = await openLog(directory)
  for (let done = 0; done < 1_000_000; done += 2000) {
    await Promise.all(Array.from({ length: 2000 }, (_, number) => log.append(exchange(done + number))))
  }
  await log.append(exchange(0))
  const killed = await copyOf(directory, tmpdir())
  await log.close()
  const openMs = async (from: string) => {
    const startedAt = performance.now()
    const opened = await openLog(from)
    const duration = performance.now() - startedAt
    expect(opened.size).toBe(1_000_001)
    await opened.close()
    return Math.round(duration)
  }
  const killedMs = await openMs(killed)
  const closedMs = Math.min(await openMs(directory), await openMs(directory))
  const startedAt = performance.now()
  expect((await verifyLog(directory, SIGNER.vkey)).size).toBe(1_000_001)
  const verifyMs = Math.round(performance.now() - startedAt)
  process.stdout.write(`${JSON.stringify({ entries: 1_000_001, closedMs, killedMs, verifyMs })}\n`)
  // Far below what hashing the log would take; 50 ms and less on a machine at rest.
  expect(closedMs).toBeLessThan(verifyMs / 50)
  expect(killedMs).toBeLessThan(verifyMs / 50)
})
