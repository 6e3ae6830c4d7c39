import { writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { acquireStateLock } from '../../../src/storage/index.ts'

/** Takes the lock of the state folder in its argument, says so, and holds it until it is killed. */
try {
  await acquireStateLock(process.argv[2] ?? '', 'sallyport serve')
  writeSync(1, 'held\n')
  await setTimeout(60_000)
} catch (thrown) {
  writeSync(1, `${thrown instanceof Error && 'code' in thrown ? thrown.code : thrown}\n`)
}
