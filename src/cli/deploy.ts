import { Command } from 'commander'
import { connect } from '../server/index.ts'
import { print, printJson } from './output.ts'
import { createProgress } from './progress.ts'
import { configOption, jsonOption, type StateOptions, stateOption, statePath } from './state-option.ts'
import { parseVersionReference } from './version-reference.ts'

export function deployCommand(): Command {
  return new Command('deploy')
    .argument('<model@version>')
    .requiredOption('--env <environment>', 'where it shall run')
    .addOption(stateOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(deploy)
}

async function deploy(reference: string, options: StateOptions & { env: string }): Promise<void> {
  const { model, version } = parseVersionReference(reference)
  await using client = await connect(statePath(options), options.config)
  const deployment = await createProgress({ isSilent: options.json === true }).step(
    `prove and deploy ${reference} to ${options.env}`,
    () => client.deploy(model, version, options.env),
    () => `${reference} is in force in ${options.env}`,
  )
  if (options.json === true) return printJson(deployment)
  print(`  artifact ${deployment.artifact}`)
  print(`  event    ${deployment.event}`)
}
