import { Command } from 'commander'
import { runServer } from './run-server.ts'
import { configOption, type StateOptions, stateOption, statePath } from './state-option.ts'

export function serveCommand(): Command {
  return new Command('serve')
    .option('--port <port>', 'port of the data plane, before the configuration')
    .option('--admin-port <port>', 'port of the control plane, before the configuration')
    .addOption(stateOption())
    .addOption(configOption())
    .action((options: StateOptions & { port?: string; adminPort?: string }) =>
      runServer({ ...options, state: statePath(options), create: false }),
    )
}
