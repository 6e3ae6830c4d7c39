import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from 'undici'
import { REPOSITORY, sallyportJson, startServerProcess } from '../support/sallyport-process.ts'

const REQUEST = readFileSync(join(REPOSITORY, 'examples/income/request.json'))
const CLIENTS = 16

export interface KillReport {
  /** Answers that clients have read whole. */
  readonly acknowledged: number
  /** Acknowledged exchanges whose event is not in the log. */
  readonly lost: readonly string[]
  /** What `audit verify` said after the last round. */
  readonly isSound: boolean
}

/**
 * Serves the example under load and kills the server with SIGKILL at a random moment, again and again on one state
 * folder; then looks for the event of every exchange that was acknowledged.
 */
export async function killUnderLoad(
  state: string,
  rounds: number,
  random: () => number = Math.random,
): Promise<KillReport> {
  await sallyportJson(['demo', '--once', '--state', state])
  const { key } = (await sallyportJson(['key', 'create', '--name', 'load', '--state', state])) as {
    key: string
  }
  const acknowledged: string[] = []
  for (let round = 0; round < rounds; round++) {
    const server = await startServerProcess(state)
    const pool = new Pool(server.gatewayUrl, { connections: CLIENTS })
    const clients = Array.from({ length: CLIENTS }, () => callUntilDead(pool, key, acknowledged))
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 400))
    await server.kill()
    await Promise.all(clients)
    await pool.destroy()
  }
  const logged = await loggedEvents(state)
  const { isSound } = (await sallyportJson(['audit', 'verify', '--state', state])) as { isSound: boolean }
  return { acknowledged: acknowledged.length, lost: acknowledged.filter((id) => !logged.has(id)), isSound }
}

async function callUntilDead(pool: Pool, key: string, acknowledged: string[]): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  for (;;) {
    try {
      const response = await pool.request({
        method: 'POST',
        path: '/v2/models/income/infer',
        headers,
        body: REQUEST,
      })
      await response.body.text()
      const event = response.headers['x-sallyport-event']
      if (response.statusCode === 200 && typeof event === 'string') acknowledged.push(event)
    } catch {
      return
    }
  }
}

/** The ids of all events of the log. */
export async function loggedEvents(state: string): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let from = 0, size = 1; from < size; from += 1000) {
    const page = (await sallyportJson([
      'audit',
      'show',
      '--from',
      String(from),
      '--limit',
      '1000',
      '--state',
      state,
    ])) as {
      size: number
      events: { id: string }[]
    }
    size = page.size
    for (const event of page.events) ids.add(event.id)
  }
  return ids
}
