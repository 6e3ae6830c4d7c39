import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { type LogReport, type VerifyOptions, verifyLog, verifyProof } from '../audit/index.ts'
import { SallyportError } from '../core/index.ts'
import { connect, logIdentity } from '../server/index.ts'
import { EXIT, print, printJson, printTable } from './output.ts'
import { createProgress } from './progress.ts'
import { configOption, jsonOption, type StateOptions, stateOption, statePath } from './state-option.ts'

export function auditCommand(): Command {
  const command = new Command('audit')
  command
    .command('verify')
    .description('recompute the whole log from its files and check every signature; asks no server')
    .option('--key <vkey>', "verifier key of the log, kept from before; the state folder's own without it")
    .option('--checkpoint <file>', 'a checkpoint kept from before, which the log must continue')
    .action(verify)
  command
    .command('show')
    .description('events in order, the newest without --from')
    .option('--from <index>', 'index of the first event')
    .option('--limit <count>', 'how many', '50')
    .option('--type <type>', 'only events of this type')
    .action(show)
  command
    .command('prove')
    .description('prove that an event stands in the log')
    .argument('<id>', 'event id, as in the header x-sallyport-event')
    .option('--out <file>', 'write the proof (C2SP tlog-proof) to a file')
    .action(prove)
  command
    .command('checkpoint')
    .description('the newest signed checkpoint, to be kept outside of this machine')
    .action(checkpoint)
  for (const each of command.commands)
    each.addOption(stateOption()).addOption(configOption()).addOption(jsonOption())
  return command
}

/** Codes that say the log is not what was written, as opposed to not readable. */
const UNSOUND = new Set([
  'audit.log-corrupt',
  'audit.file-missing',
  'audit.log-missing',
  'audit.foreign-key',
  'audit.foreign-origin',
  'audit.history-changed',
])

/** What verification found; a log that is not sound is a finding, one that cannot be read is an error. */
type Verification =
  | ({ readonly isSound: true } & LogReport)
  | { readonly isSound: false; readonly code: string; readonly problem: string; readonly remedy: string }

async function verify(options: StateOptions & { key?: string; checkpoint?: string }): Promise<void> {
  const { directory, verifierKey } = await logIdentity(statePath(options))
  const key = options.key ?? verifierKey
  const earlier =
    options.checkpoint === undefined ? {} : { earlier: readFileSync(options.checkpoint, 'utf8') }
  const verification = await createProgress({ isSilent: options.json === true }).step(
    `verify ${directory}`,
    () => verifyFiles(directory, key, earlier),
    (done) => (done.isSound ? `the log is sound: ${done.size} events` : 'the log is NOT sound'),
  )
  process.exitCode = verification.isSound ? EXIT.clean : EXIT.findings
  if (options.json === true) return printJson({ ...verification, verifierKey: key })
  print(`  verifier key  ${key}`)
  if (!verification.isSound) {
    print(`✘ ${verification.problem} [${verification.code}]`)
    return print(`  → ${verification.remedy}`)
  }
  print(`  root          ${verification.root} over ${verification.size} events`)
  print(`  checkpoints   ${verification.checkpoints}, each signed and consistent with the next`)
  print(
    `  commitments   ${verification.commitments}: ${verification.kept} values kept, ${verification.erased} erased`,
  )
}

async function verifyFiles(
  directory: string,
  verifierKey: string,
  options: VerifyOptions,
): Promise<Verification> {
  try {
    return { isSound: true, ...(await verifyLog(directory, verifierKey, options)) }
  } catch (thrown) {
    if (!(thrown instanceof SallyportError) || !UNSOUND.has(thrown.code)) throw thrown
    return { isSound: false, code: thrown.code, problem: thrown.message, remedy: thrown.remedy ?? '' }
  }
}

async function show(options: StateOptions & { from?: string; limit: string; type?: string }): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const { from, limit, type } = options
  const page = await client.events({
    limit: Number(limit),
    ...(from === undefined ? {} : { from: Number(from) }),
    ...(type === undefined ? {} : { type }),
  })
  if (options.json === true) return printJson(page)
  printTable(
    ['INDEX', 'TIME', 'TYPE', 'ID', 'DATA'],
    page.events.map((event) => [String(event.index), event.at, event.type, event.id, summary(event.data)]),
  )
  print(`${page.size} events in all`)
}

function summary(data: Readonly<Record<string, unknown>>): string {
  return Object.entries(data)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

async function prove(id: string, options: StateOptions & { out?: string }): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const proof = await client.prove(id)
  // The answer is not believed: the proof is checked here against the key that the state folder holds.
  const { verifierKey } = await logIdentity(statePath(options))
  const verified = verifyProof(proof.proof, verifierKey)
  if (options.out !== undefined) writeFileSync(options.out, proof.proof)
  if (options.json === true) return printJson({ ...proof, proofVerified: true })
  print(`✔ event ${id} (${verified.type}) is entry ${verified.index} of a log of ${verified.size}`)
  print(`verifier key  ${verifierKey}`)
  if (options.out === undefined) print(proof.proof.trimEnd())
  else print(`proof written to ${options.out}`)
}

async function checkpoint(options: StateOptions): Promise<void> {
  await using client = await connect(statePath(options), options.config)
  const note = await client.checkpoint()
  if (options.json === true) printJson({ checkpoint: note })
  else process.stdout.write(note)
}
