import { Command, Option } from 'commander'
import { SCOPES } from '../core/index.ts'
import { connect } from '../server/index.ts'
import { print, printJson, printTable } from './output.ts'
import { configOption, jsonOption, type StateOptions, stateOption, statePath } from './state-option.ts'

interface CreateOptions extends StateOptions {
  readonly name: string
  readonly tenant: string
  readonly scope: readonly string[]
  readonly expires?: string
}

export function keyCommand(): Command {
  const command = new Command('key')
  command
    .command('create')
    .description('create an API key; it is shown once')
    .requiredOption('--name <name>', 'what the key is for')
    .option('--tenant <tenant>', 'whose traffic it carries', 'default')
    .addOption(new Option('--scope <scope...>', 'what it may do').choices(SCOPES).default(['infer']))
    .option('--expires <time>', 'RFC 3339; never, without it')
    .action(create)
  command.command('list').description('all keys, without the keys themselves').action(list)
  command.command('revoke').description('revoke a key at once').argument('<id>').action(revoke)
  for (const each of command.commands)
    each.addOption(stateOption()).addOption(configOption()).addOption(jsonOption())
  return command
}

async function create(options: CreateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const { name, tenant, scope, expires } = options
  const expiry = expires === undefined ? {} : { expiresAt: expires }
  const created = await client.createKey({ name, tenant, scopes: scope, ...expiry })
  if (options.json === true) return printJson(created)
  print(created.key)
  print(
    `  id ${created.record.id}, scopes ${created.record.scopes.join(' ')}; shown this once, stored only as a keyed hash`,
  )
}

async function list(options: StateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const keys = await client.keys()
  if (options.json === true) return printJson(keys)
  printTable(
    ['ID', 'NAME', 'TENANT', 'SCOPES', 'CREATED', 'EXPIRES', 'REVOKED'],
    keys.map((key) => [
      key.id,
      key.name,
      key.tenant,
      key.scopes.join(' '),
      key.createdAt,
      key.expiresAt ?? 'never',
      key.revokedAt ?? '',
    ]),
  )
}

async function revoke(id: string, options: StateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  await client.revokeKey(id)
  if (options.json === true) return printJson({ id, status: 'revoked' })
  print(`${id} is revoked`)
}
