import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { onnxruntimeDirectory } from './onnxruntime-package.ts'

/** What Node runs as a worker. */
export interface WorkerProgram {
  readonly entry: string
  /** All of its own code; the package `onnxruntime-node` is the rest. */
  readonly directories: readonly string[]
}

/** Folders of the program beside each other, with all that they import of one another. */
export const PROGRAM_PARTS = ['protocol', 'worker'] as const

const runtime = dirname(import.meta.dirname)
let prepared: WorkerProgram | undefined

/**
 * The program in JavaScript. From a checkout, whose code is TypeScript, it is compiled once and kept beside the packages,
 * where only who may change the code itself can write: compiling in each worker would triple its time to start and cost
 * it 17 MiB. Where nothing can be kept, a worker runs the TypeScript.
 */
export function workerProgram(): WorkerProgram {
  prepared ??=
    extname(import.meta.filename) === '.ts'
      ? (compiled() ?? programIn(runtime, '.ts'))
      : programIn(runtime, '.js')
  return prepared
}

function programIn(directory: string, extension: string): WorkerProgram {
  return {
    entry: join(directory, `worker/main${extension}`),
    directories: PROGRAM_PARTS.map((part) => join(directory, part)),
  }
}

function compiled(): WorkerProgram | undefined {
  const kept = join(dirname(onnxruntimeDirectory()), '.cache/sallyport')
  const target = join(kept, `worker-${sourceDigest()}`)
  if (!existsSync(target)) {
    try {
      mkdirSync(kept, { recursive: true })
      execFileSync(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'compile.ts'), runtime, target],
        { env: {}, stdio: 'ignore', timeout: 30_000 },
      )
    } catch {
      // A folder that cannot be written to is no reason not to serve.
      if (!existsSync(target)) return undefined
    }
  }
  return programIn(target, '.mjs')
}

function sourceDigest(): string {
  const hash = createHash('sha256').update(process.version)
  for (const part of PROGRAM_PARTS) {
    for (const file of sourcesIn(join(runtime, part))) {
      hash.update(`\0${part}/${file}\0`).update(readFileSync(join(runtime, part, file)))
    }
  }
  return hash.digest('hex').slice(0, 32)
}

export function sourcesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort()
}
