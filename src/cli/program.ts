import { Command } from 'commander'
import { VERSION } from '../core/index.ts'

interface Entry {
  readonly name: string
  readonly summary: string
  /** Loaded only when the command is run: starting quickly is part of the interface. */
  readonly load: () => Promise<Command>
}

const ENTRIES: readonly Entry[] = [
  {
    name: 'up',
    summary: 'serve on this machine; makes the state folder if there is none',
    load: async () => (await import('./up.ts')).upCommand(),
  },
  {
    name: 'serve',
    summary: 'serve from a state folder that exists',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  {
    name: 'demo',
    summary: 'serve the example model and prove one answer; or attack it',
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
  {
    name: 'model',
    summary: 'push, list, show, verify and revoke models',
    load: async () => (await import('./model.ts')).modelCommand(),
  },
  {
    name: 'deploy',
    summary: 'put a version into an environment',
    load: async () => (await import('./deploy.ts')).deployCommand(),
  },
  {
    name: 'withdraw',
    summary: 'take a model out of an environment',
    load: async () => (await import('./withdraw.ts')).withdrawCommand(),
  },
  {
    name: 'key',
    summary: 'create, list and revoke API keys',
    load: async () => (await import('./key.ts')).keyCommand(),
  },
  {
    name: 'audit',
    summary: 'show, prove and verify the transparency log',
    load: async () => (await import('./audit.ts')).auditCommand(),
  },
  {
    name: 'scan',
    summary: 'examine model files for code, tampering and hidden content',
    load: async () => (await import('./scan.ts')).scanCommand(),
  },
  {
    name: 'rules',
    summary: 'list the rules of the scanner',
    load: async () => (await import('./rules.ts')).rulesCommand(),
  },
  {
    name: 'config',
    summary: 'check the configuration, print its schema',
    load: async () => (await import('./config.ts')).configCommand(),
  },
]

/**
 * The command line.
 * @param named the command whose options are wanted; every other one is only named. `all` loads every one.
 */
export async function createProgram(named: string | undefined): Promise<Command> {
  const program = new Command('sallyport')
    .description('Serves AI models that are hostile until proven otherwise.')
    .version(VERSION)
    .showHelpAfterError()
  for (const entry of ENTRIES) {
    const command = named === 'all' || named === entry.name ? await entry.load() : new Command(entry.name)
    program.addCommand(command.description(entry.summary))
  }
  return program
}
