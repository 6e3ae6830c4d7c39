import { type Command, CommanderError } from 'commander'
import { toSallyportError } from '../core/index.ts'
import { EXIT, printError } from './output.ts'
import { createProgram } from './program.ts'

async function main(argv: readonly string[]): Promise<void> {
  const program = await createProgram(argv.find((argument) => !argument.startsWith('-')))
  // Usage errors have an exit code of their own, so commander must not end the process itself.
  for (const command of withSubcommands(program)) command.exitOverride()
  if (argv.length === 0) return program.outputHelp()
  await program.parseAsync([...argv], { from: 'user' })
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** Runs one command of the command line; its outcome is the process's exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await main(argv)
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? EXIT.clean : EXIT.usage
      return
    }
    printError(toSallyportError(thrown), argv.includes('--json'))
    process.exitCode = EXIT.error
  }
}
