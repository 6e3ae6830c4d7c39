import { chmodSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { createAdminApi } from '../admin/index.ts'
import { SallyportError } from '../core/index.ts'
import type { Config } from './config.ts'
import { type FirstStart, Platform } from './platform.ts'
import { announce, prepareSocket, withdraw } from './running-server.ts'
import { Serving } from './serving.ts'

export interface StartOptions {
  readonly statePath: string
  /** Whether to make the state folder when there is none. */
  readonly create: boolean
  readonly config: Config
  readonly environment: NodeJS.ProcessEnv
}

/** How long exchanges may still run when the server is asked to stop. */
const CLOSE_GRACE_MS = 10_000

/** A server that answers. */
export interface Server extends AsyncDisposable {
  readonly platform: Platform
  readonly serving: Serving
  readonly gatewayUrl: string
  readonly adminUrl: string
  /** Present only at the start that made the state folder. */
  readonly firstStart: FirstStart | undefined
  /** Lets exchanges end, stops workers, frees the state folder. */
  close(): Promise<void>
}

/**
 * Opens the state, loads what is deployed and opens the listeners, in this order, so that the first request that
 * reaches the gateway can be answered.
 * @throws SallyportError whatever refuses; everything opened until then is closed again.
 */
export async function startServer(options: StartOptions): Promise<Server> {
  const { statePath, create, config, environment } = options
  await using cleanup = new AsyncDisposableStack()
  const platform = await Platform.open({
    statePath,
    create,
    holder: 'a sallyport server',
    config,
    environment,
  })
  cleanup.defer(() => platform.close())
  const serving = new Serving(platform)
  cleanup.defer(() => serving.close(CLOSE_GRACE_MS))
  platform.attach(serving)
  cleanup.defer(() => platform.detach())
  // Workers load their models in processes of their own; meanwhile this one prepares the control plane.
  const [publicApi, ownerApi] = await Promise.all([
    createAdminApi({ controlPlane: platform, trust: 'key' }),
    createAdminApi({ controlPlane: platform, trust: 'owner' }),
    serving.refresh(),
  ])
  cleanup.defer(() => publicApi.close())
  cleanup.defer(() => ownerApi.close())
  const adminUrl = await listen(publicApi, config.admin.host, config.admin.port)
  const socket = prepareSocket(platform.folder)
  await ownerApi.listen({ path: socket })
  chmodSync(socket, 0o600)

  const { host, port } = await serving.gateway.listen()
  const gatewayUrl = `http://${host}:${port}`
  await platform.log.append({ type: 'server.started', data: { environment: config.environment } })
  announce(platform.folder, { pid: process.pid, socket, gateway: gatewayUrl, admin: adminUrl })
  cleanup.defer(() => withdraw(platform.folder))
  cleanup.defer(async () => {
    await platform.log.append({ type: 'server.stopped', data: {} })
  })
  // What pushes that were cut short left behind; nothing waits for it.
  const sweeping = platform.models.sweepUnreferenced().catch((error: unknown) => {
    platform.logger.warn('unreferenced blobs were not swept', { error })
  })
  cleanup.defer(async () => {
    await sweeping
  })
  const opened = cleanup.move()
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= opened.disposeAsync()
    return closing
  }
  return {
    platform,
    serving,
    gatewayUrl,
    adminUrl,
    firstStart: platform.firstStart,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    throw new SallyportError('admin.cannot-listen', `the control plane cannot listen on ${host}:${port}`, {
      kind: 'unavailable',
      remedy: 'stop what uses the port, or set admin.port in sallyport.yaml (0 takes a free one)',
      cause,
    })
  }
}
