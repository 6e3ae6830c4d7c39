import { Command } from 'commander'
import { configJsonSchema, loadConfig } from '../server/index.ts'
import { print, printJson } from './output.ts'
import { configOption, jsonOption, type StateOptions } from './state-option.ts'

export function configCommand(): Command {
  const command = new Command('config')
  command
    .command('check')
    .description('check sallyport.yaml and the overrides in the environment; print what is in force')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(check)
  command
    .command('schema')
    .description('print the JSON Schema of sallyport.yaml')
    .action(() => printJson(configJsonSchema()))
  return command
}

function check(options: StateOptions): void {
  const config = loadConfig(options.config, process.env)
  if (options.json !== true) print('the configuration is valid; in force is:')
  printJson(config)
}
