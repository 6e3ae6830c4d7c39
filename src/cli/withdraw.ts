import { Command } from 'commander'
import { connect } from '../server/index.ts'
import { print, printJson } from './output.ts'
import { configOption, jsonOption, type StateOptions, stateOption, statePath } from './state-option.ts'

export function withdrawCommand(): Command {
  return new Command('withdraw')
    .argument('<model>')
    .requiredOption('--env <environment>', 'where it shall no longer run')
    .addOption(stateOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(withdraw)
}

async function withdraw(model: string, options: StateOptions & { env: string }): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const withdrawn = await client.withdraw(model, options.env)
  if (options.json === true) return printJson(withdrawn)
  print(`${model} is withdrawn from ${options.env}; event ${withdrawn.event}`)
}
