/**
 * Appends under load to the log in argv[2] until it is killed. One line on stdout for each thing that was acknowledged:
 * `+ ID` an event, `- ID` an erasure. Lines are written synchronously, so the parent has every line that was written.
 */
import { writeSync } from 'node:fs'
import { AuditLog } from '../../src/audit/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { NoteSigner } from '../../src/crypto/index.ts'

const origin = 'test.example/log'
const signer = NoteSigner.fromSeed(origin, Buffer.alloc(32, 7))
const log = await AuditLog.open({ directory: process.argv[2] ?? '', signer, clock: systemClock, origin })
writeSync(1, 'ready\n')

async function client(number: number): Promise<never> {
  for (let count = 0; ; count++) {
    const { id } = await log.append({
      type: 'exchange.served',
      data: { count, number, padding: 'x'.repeat((count * 37) % 300) },
      private: { tenant: `tenant ${number}` },
      commit: { request: Buffer.alloc((count * 91) % 2000, number) },
    })
    writeSync(1, `+ ${id}\n`)
    if ((count + number) % 8 === 0) {
      await log.erase(id, 'tenant')
      writeSync(1, `- ${id}\n`)
    }
  }
}

await Promise.all(Array.from({ length: 24 }, (_, number) => client(number)))
