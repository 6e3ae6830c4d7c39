import { Command, Option } from 'commander'
import {
  type AttackResult,
  attack,
  callAndProve,
  DEMO_STATE,
  deployExample,
  EXAMPLE,
  inferUrl,
  loadConfig,
  makeDemoKey,
  pushExample,
  type Server,
  startServer,
} from '../server/index.ts'
import { EXIT, print, printJson, printTable } from './output.ts'
import { createProgress, type Progress } from './progress.ts'
import { describeServer, untilStopped } from './run-server.ts'
import { jsonOption } from './state-option.ts'

interface DemoOptions {
  readonly state: string
  readonly once?: boolean
  readonly attack?: boolean
  readonly json?: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .option('--once', 'call the model once, prove the answer, and end')
    .option('--attack', 'attack a model of its own in every way the demo knows, and end')
    .addOption(new Option('--state <dir>', 'state folder').default(DEMO_STATE))
    .addOption(jsonOption())
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const isStaying = options.once !== true && options.attack !== true
  // Nobody but the demo itself calls a server that ends at once, so it takes any free ports.
  const ports = isStaying ? {} : { SALLYPORT_GATEWAY_PORT: '0', SALLYPORT_ADMIN_PORT: '0' }
  const config = loadConfig(undefined, { SALLYPORT_LOG_LEVEL: 'error', ...process.env, ...ports })
  const progress = createProgress({ isSilent: options.json === true })
  await using server = await progress.step(
    `open the state folder ${options.state}`,
    () => startServer({ statePath: options.state, create: true, config, environment: process.env }),
    (started) =>
      `state folder ${options.state}, ${started.firstStart === undefined ? 'as it was' : 'new, with its own keys'}`,
  )
  if (options.attack === true) await underAttack(server, options)
  else await demonstrate(server, options, progress)
}

async function demonstrate(server: Server, options: DemoOptions, progress: Progress): Promise<void> {
  const version = await progress.step(
    `examine, sign and admit ${EXAMPLE}/model`,
    () => pushExample(server),
    (pushed) => `admitted ${pushed.model}@${pushed.version}, artifact ${pushed.artifactId}`,
  )
  await progress.step(
    'prove it again, load it in a worker and deploy it',
    () => deployExample(server, version),
    () =>
      `in force in ${server.platform.config.environment}; the worker hashed ${server.serving.workerDigest(version.artifactId)}`,
  )
  const key = await progress.step('make an API key', () => makeDemoKey(server))
  const shown = await progress.step(
    'call the model as any client would and prove the answer',
    () => callAndProve(server, version, key),
    ({ prediction, eventId }) =>
      `income ${prediction.label} (p = ${prediction.probability}); event ${eventId} proven`,
  )
  if (options.once === true) {
    await server.close()
    if (options.json === true) return printJson({ ...shown, state: options.state })
    return print(`✔ served and proven; the state stays in ${options.state}`)
  }
  print('')
  describeServer(server)
  print('  try it:')
  print(`    curl -s ${inferUrl(server, version)} \\`)
  print(`      -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\`)
  print(`      -d @${EXAMPLE}/request.json`)
  print(`    bin/sallyport audit prove ${shown.eventId} --state ${options.state}`)
  print(`    bin/sallyport audit verify --state ${options.state}`)
  print('  Ctrl-C stops it.')
  await untilStopped(server)
}

async function underAttack(server: Server, options: DemoOptions): Promise<void> {
  const isJson = options.json === true
  const results = await attack(server, (result) => {
    if (!isJson)
      print(`${result.refused ? '✔ refused' : '✘ NOT REFUSED'}  ${result.attack}: ${result.reason}`)
  })
  await server.close()
  process.exitCode = results.every((result) => result.refused) ? EXIT.clean : EXIT.findings
  if (isJson) return printJson(results)
  summarise(results, options.state)
}

function summarise(results: readonly AttackResult[], state: string): void {
  const refused = results.filter((result) => result.refused)
  print('')
  printTable(
    ['ATTACK', 'EVENT'],
    results.map((result) => [result.attack, result.eventId ?? '-']),
  )
  print(
    `${refused.length} of ${results.length} attacks refused; see them: bin/sallyport audit show --state ${state}`,
  )
}
