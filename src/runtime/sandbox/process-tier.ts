import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { addonDirectory, onnxruntimeDirectory, type WorkerProgram, workerProgram } from '../worker/index.ts'
import type { Launch } from './tier.ts'

// Young garbage is collected often and the old space is small: tensors live outside of the heap.
const MEMORY_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
  '--v8-pool-size=0',
  '--expose-gc',
]
const QUIET_FLAGS = ['--disable-warning=SecurityWarning', '--disable-warning=ExperimentalWarning']

/** V8 reserves writable address space for code (CodeRange, 512 MiB on x86-64) that RLIMIT_DATA counts though it is unused. */
const RESERVED_BYTES = 544 * 2 ** 20

/**
 * The weakest tier, for every platform: a process of its own with an empty environment, under Node's permission model
 * with the least it can run with. Where util-linux is installed, the kernel adds: no new privileges, death with the
 * parent, a limit on private memory, no core dumps and no writing of files.
 */
export function launchProcess(memoryLimitBytes: number): Launch {
  const program = workerProgram()
  const [command, ...rest] = [
    ...kernelLimits(memoryLimitBytes),
    process.execPath,
    ...nodeFlags(program),
    program.entry,
  ]
  return {
    tier: 'process',
    command: command ?? process.execPath,
    arguments: rest,
    environment: { ORT_DISABLE_TELEMETRY: '1' },
    // A model may name files relative to here; here is only the worker's own published code.
    workingDirectory: dirname(program.entry),
  }
}

/**
 * The permission model does not bind native code, so this closes the doors that JavaScript has: files, processes,
 * threads, the inspector. The network is closed by the stronger tiers.
 */
function nodeFlags({ directories }: WorkerProgram): string[] {
  const readable = [
    ...directories.map((directory) => join(directory, '*')),
    join(addonDirectory(), '*'),
    join(onnxruntimeDirectory(), 'package.json'),
  ]
  return [
    ...MEMORY_FLAGS,
    ...QUIET_FLAGS,
    '--permission',
    '--allow-addons',
    ...readable.map((path) => `--allow-fs-read=${path}`),
  ]
}

function kernelLimits(memoryLimitBytes: number): string[] {
  const prlimit = installed('prlimit')
  const setpriv = installed('setpriv')
  return [
    ...(prlimit === undefined
      ? []
      : [
          prlimit,
          `--data=${memoryLimitBytes + RESERVED_BYTES}`,
          '--core=0',
          '--fsize=0',
          '--memlock=0',
          '--',
        ]),
    ...(setpriv === undefined ? [] : [setpriv, '--no-new-privs', '--pdeathsig', 'KILL', '--']),
  ]
}

/** Never looked up through PATH, which is the caller's. */
function installed(program: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  return ['/usr/bin', '/bin'].map((directory) => join(directory, program)).find((path) => existsSync(path))
}
