import { loadConfig, type Server, startServer } from '../server/index.ts'
import { print } from './output.ts'
import { createProgress } from './progress.ts'

export interface RunOptions {
  readonly state: string
  readonly create: boolean
  readonly config?: string
  readonly port?: string
  readonly adminPort?: string
}

/** Starts a server, says where it is, and keeps it until the process is asked to stop. */
export async function runServer(options: RunOptions): Promise<void> {
  const environment = {
    ...process.env,
    ...(options.port === undefined ? {} : { SALLYPORT_GATEWAY_PORT: options.port }),
    ...(options.adminPort === undefined ? {} : { SALLYPORT_ADMIN_PORT: options.adminPort }),
  }
  const config = loadConfig(options.config, environment)
  await using server = await createProgress({ isSilent: false }).step(
    `open ${options.state} and load what is deployed`,
    () => startServer({ statePath: options.state, create: options.create, config, environment }),
    (started) =>
      `serving ${started.serving.status().filter((model) => model.isReady).length} model(s) from ${options.state}`,
  )
  describeServer(server)
  await untilStopped(server)
}

/** Where the server is, what it serves, and, once in its life, the admin credential. */
export function describeServer(server: Server): void {
  print(`  gateway  ${server.gatewayUrl}  (Open Inference Protocol v2 under /v2)`)
  print(`  admin    ${server.adminUrl}`)
  for (const { model, version, isReady, reason } of server.serving.status()) {
    print(
      `  model    ${model}@${version}  ${isReady ? 'ready' : `NOT served: ${reason ?? 'its worker is down'}`}`,
    )
  }
  if (server.firstStart !== undefined) {
    print('')
    print(`  admin credential, shown this once: ${server.firstStart.adminKey}`)
    print('')
  }
}

/** Resolves after SIGINT or SIGTERM once everything is closed; a second signal does not wait. */
export function untilStopped(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false
    const stop = () => {
      if (isStopping) process.exit(1)
      isStopping = true
      print('stopping: exchanges in flight may end …')
      server.close().then(resolve, reject)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
