import { existsSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { AdminClient, createAdminApi, localTransport, socketTransport } from '../admin/index.ts'
import { loadConfig } from './config.ts'
import { findRunningServer } from './running-server.ts'
import { isStateFolder, openStateFolder } from './state-folder.ts'

/** State folder of `up`, `serve` and every command that names none. */
export const DEFAULT_STATE = '.sallyport'
/** State folder of `demo`, kept apart from one that holds real models. */
export const DEMO_STATE = '.sallyport-demo'

/** The state folder that a command without `--state` means: the default one, else the demo's if only that is there. */
export function findState(directory: string): string {
  const own = join(directory, DEFAULT_STATE)
  const demo = join(directory, DEMO_STATE)
  return !isStateFolder(own) && isStateFolder(demo) ? demo : own
}

/**
 * The control plane of a state folder: of the server that runs on it, or else inside this process, which then owns the
 * folder until the client is closed.
 */
export async function connect(statePath: string, configPath: string | undefined): Promise<AdminClient> {
  const folder = openStateFolder(statePath)
  const server = findRunningServer(folder)
  if (server !== undefined && (await answers(server.socket))) {
    return new AdminClient(await socketTransport(server.socket))
  }
  const { Platform } = await import('./platform.ts')
  const platform = await Platform.open({
    statePath,
    create: false,
    holder: 'a sallyport command',
    config: loadConfig(configPath, process.env),
    environment: process.env,
  })
  const app = await createAdminApi({ controlPlane: platform, trust: 'owner' })
  return new AdminClient(
    localTransport(app, async () => {
      await app.close()
      await platform.close()
    }),
  )
}

/** Whether somebody listens on the socket; a killed server leaves a socket that refuses. */
function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return Promise.resolve(false)
  return new Promise((resolve) => {
    const connection = connectSocket(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}
