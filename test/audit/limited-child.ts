/**
 * Appends to the log in argv[2] until its disk is full: the parent set a limit on the size of files, which the kernel
 * enforces in the middle of a write. Prints the ids that were acknowledged, then what happened, as JSON.
 */
import { AuditLog } from '../../src/audit/index.ts'
import { SallyportError, systemClock } from '../../src/core/index.ts'
import { NoteSigner } from '../../src/crypto/index.ts'

// Without a handler the signal that comes with EFBIG would end the process.
process.on('SIGXFSZ', () => {})

const origin = 'test.example/log'
const signer = NoteSigner.fromSeed(origin, Buffer.alloc(32, 7))
const log = await AuditLog.open({ directory: process.argv[2] ?? '', signer, clock: systemClock, origin })
const acknowledged: string[] = []
const codeOf = (error: unknown) => (error instanceof SallyportError ? error.code : String(error))

async function appendUntilRefused(): Promise<{ code: string; errno: unknown }> {
  for (;;) {
    try {
      const { id } = await log.append({
        type: 'exchange.served',
        data: { text: 'x'.repeat(500) },
        private: { tenant: 'acme' },
      })
      acknowledged.push(id)
    } catch (error) {
      return {
        code: codeOf(error),
        errno: error instanceof SallyportError ? error.details['errno'] : undefined,
      }
    }
  }
}

const refusals = await Promise.all(Array.from({ length: 8 }, appendUntilRefused))
const after = await log.append({ type: 'a.b' }).then(
  () => 'acknowledged',
  (error: unknown) => codeOf(error),
)
const { isPoisoned } = log.stats()
await log.close()
process.stdout.write(JSON.stringify({ acknowledged, refusals, after, isPoisoned }))
