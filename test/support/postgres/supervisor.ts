import { once } from 'node:events'
import { PostgresMissing, startPostgres } from './server.ts'

/**
 * A process of its own that outlives the test run by the moment it takes to stop PostgreSQL: its standard input ends with
 * the run, however that ends. It says on its first line of output where the server is, or why there is none.
 */
const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`)

// Nobody may be left to read it.
process.stdout.on('error', () => {})
const ended = once(process.stdin.resume(), 'close')
const stopped = Promise.race([ended, once(process, 'SIGTERM'), once(process, 'SIGINT')])
try {
  const server = await startPostgres()
  say({ url: server.url })
  await stopped
  await server.stop()
} catch (thrown) {
  say(thrown instanceof PostgresMissing ? { missing: thrown.message } : { failure: String(thrown) })
}
process.exit()
