import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { StateFolder } from './state-folder.ts'

/** What a running server says of itself in `run/server.json`, for commands on the same machine. */
export interface RunningServer {
  readonly pid: number
  /** Unix socket of the control plane, open only to the owner of the state folder. */
  readonly socket: string
  readonly gateway: string
  readonly admin: string
}

const RunningServerSchema = z.object({
  pid: z.int().positive(),
  socket: z.string(),
  gateway: z.string(),
  admin: z.string(),
})

/** Longest socket path that Linux and macOS both take, `sun_path` less its terminator. */
const SOCKET_PATH_LIMIT = 103

/** Where the socket of a state folder is: inside it, or under the temporary directory when that path is too long. */
export function socketPath(folder: StateFolder): string {
  const inside = join(folder.run, 'admin.sock')
  if (Buffer.byteLength(inside) <= SOCKET_PATH_LIMIT) return inside
  const digest = createHash('sha256').update(folder.path).digest('hex').slice(0, 16)
  return join(tmpdir(), `sallyport-${userInfo().uid}-${digest}`, 'admin.sock')
}

/** Makes the private directory of the socket and removes what a killed server left; the state's lock must be held. */
export function prepareSocket(folder: StateFolder): string {
  const path = socketPath(folder)
  mkdirSync(folder.run, { recursive: true, mode: 0o700 })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  return path
}

export function announce(folder: StateFolder, server: RunningServer): void {
  writeFileSync(join(folder.run, 'server.json'), `${JSON.stringify(server, null, 2)}\n`, { mode: 0o600 })
}

export function withdraw(folder: StateFolder): void {
  rmSync(join(folder.run, 'server.json'), { force: true })
  rmSync(socketPath(folder), { force: true })
}

/** The server that says it runs on the folder; it may have been killed since. */
export function findRunningServer(folder: StateFolder): RunningServer | undefined {
  try {
    return RunningServerSchema.parse(JSON.parse(readFileSync(join(folder.run, 'server.json'), 'utf8')))
  } catch {
    return undefined
  }
}
