import { Command } from 'commander'
import { connect } from '../server/index.ts'
import { packDirectory } from '../supply/index.ts'
import { EXIT, print, printJson, printTable } from './output.ts'
import { createProgress } from './progress.ts'
import { configOption, jsonOption, type StateOptions, stateOption, statePath } from './state-option.ts'
import { parseVersionReference } from './version-reference.ts'

export function modelCommand(): Command {
  const command = new Command('model')
  command
    .command('push')
    .description('scan, sign and admit a model package')
    .argument('<dir>', 'directory with model.onnx, model.yaml, dataset.json and README.md')
    .action(push)
  command.command('list').description('every version of every model').action(list)
  command
    .command('show')
    .description('one version with its files, lineage and history')
    .argument('<model@version>')
    .action(show)
  command
    .command('verify')
    .description('hash every stored byte again; check signature, status and policy')
    .argument('<model@version>')
    .action(verify)
  command
    .command('revoke')
    .description('revoke a version for good')
    .argument('<model@version>')
    .requiredOption('--reason <text>', 'why; it stands in the history')
    .action(revoke)
  command
    .command('which')
    .description('what was in force in an environment at a time')
    .requiredOption('--env <environment>')
    .option('--at <time>', 'RFC 3339; now, without it')
    .action(which)
  for (const each of command.commands)
    each.addOption(stateOption()).addOption(configOption()).addOption(jsonOption())
  return command
}

async function push(directory: string, options: StateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const { version, isNew } = await createProgress({ isSilent: options.json === true }).step(
    `examine, sign and admit ${directory}`,
    () => client.push(packDirectory(directory)),
    (pushed) =>
      `${pushed.version.model}@${pushed.version.version} ${pushed.isNew ? 'admitted' : 'was already admitted'}`,
  )
  if (options.json === true) return printJson({ ...version, isNew })
  print(`  artifact ${version.artifact}`)
  print(`  event    ${version.event}`)
  print(`next: sallyport deploy ${version.model}@${version.version} --env production`)
}

async function list(options: StateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const versions = await client.models()
  if (options.json === true) return printJson(versions)
  printTable(
    ['MODEL', 'VERSION', 'STATUS', 'ADMITTED', 'ARTIFACT'],
    versions.map((each) => [
      each.model,
      each.version,
      each.status,
      each.admittedAt,
      each.artifact.slice(0, 16),
    ]),
  )
}

async function show(reference: string, options: StateOptions): Promise<void> {
  const { model, version } = parseVersionReference(reference)
  await using client = await connect(statePath(options), options.config)
  const shown = await client.model(model, version)
  if (options.json === true) return printJson(shown)
  print(`${shown.model}@${shown.version}  ${shown.status}`)
  print(`  ${shown.description}`)
  print(`  artifact  ${shown.artifact}`)
  print(`  signed by key ${shown.signature.keyHint}`)
  print(`  event     ${shown.event}`)
  if (shown.dataset !== undefined) {
    print(`  dataset   ${shown.dataset.name}, ${shown.dataset.rows} rows from ${shown.dataset.source}`)
    print(`            manifest ${shown.dataset.manifest}`)
  }
  for (const [name, value] of Object.entries(shown.metrics)) print(`  metric    ${name} = ${value}`)
  printTable(
    ['FILE', 'BYTES', 'SHA-256'],
    shown.files.map((file) => [file.path, String(file.sizeBytes), file.sha256]),
  )
  printTable(
    ['STATUS', 'AT', 'REASON'],
    shown.history.map((change) => [change.status, change.at, change.reason ?? '']),
  )
}

async function verify(reference: string, options: StateOptions): Promise<void> {
  const { model, version } = parseVersionReference(reference)
  await using client = await connect(statePath(options), options.config)
  const report = await client.verify(model, version)
  process.exitCode = report.isSound ? EXIT.clean : EXIT.findings
  if (options.json === true) return printJson(report)
  for (const check of report.checks) print(`${check.passed ? '✔' : '✘'} ${check.check}: ${check.detail}`)
  print(report.isSound ? `${reference} is sound` : `${reference} is NOT sound and is not served`)
}

async function revoke(reference: string, options: StateOptions & { reason: string }): Promise<void> {
  const { model, version } = parseVersionReference(reference)
  await using client = await connect(statePath(options), options.config)
  await client.revokeVersion(model, version, options.reason)
  if (options.json === true) return printJson({ model, version, status: 'revoked' })
  print(`${reference} is revoked; it can never be deployed or pushed again`)
}

async function which(options: StateOptions & { env: string; at?: string }): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const deployments = await client.deployments(options.env, options.at)
  if (options.json === true) return printJson(deployments)
  if (deployments.length === 0)
    return print(`nothing was deployed in ${options.env} at ${options.at ?? 'this moment'}`)
  printTable(
    ['MODEL', 'VERSION', 'SINCE', 'ARTIFACT', 'EVENT'],
    deployments.map((each) => [
      each.model,
      each.version,
      each.deployedAt,
      each.artifact.slice(0, 16),
      each.event,
    ]),
  )
}
