import { memorySource, PickleMachine } from '../../../src/formats/index.ts'

/** A stream, the globals CPython's C unpickler asked for, in order, and whether it reached STOP. */
export interface OracleLine {
  readonly s: string
  readonly g: readonly (readonly [module: unknown, name: unknown])[]
  readonly ok: boolean
  /** How it was read: see PickleOptions. */
  readonly v: 'contiguous' | 'framed'
}

/** As registered by scripts/scan/pickle-oracle.py. */
const EXTENSIONS: readonly (readonly [number, readonly [string, string]])[] = [
  [1, ['os', 'system']],
  [2, ['builtins', 'eval']],
  [3, ['collections', 'OrderedDict']],
]

/**
 * What the machine has missed, or undefined. CPython's globals must be the first of the machine's; a stream that CPython
 * loads to its end must give exactly them. A name computed while loading, or decoded with the loader's encoding, agrees
 * with any.
 */
export function compareWithOracle(line: OracleLine): string | undefined {
  const seen: [string | undefined, string | undefined][] = []
  const codes = new Set<number>()
  const machine = new PickleMachine(
    memorySource(Buffer.from(line.s, 'base64')),
    {
      onGlobal: ({ module, name, extensionCode }) => {
        // CPython keeps what a code stands for.
        if (extensionCode !== undefined && codes.has(extensionCode)) return
        if (extensionCode !== undefined) codes.add(extensionCode)
        seen.push([module, name])
      },
    },
    { extensions: new Map(EXTENSIONS), view: line.v },
  )
  const end = machine.run()
  if (line.ok && end.breakCode !== undefined) return `broke with ${end.breakCode} at ${end.breakOffset}`
  for (const [index, [module, name]] of line.g.entries()) {
    const found = seen[index]
    if (found === undefined) return `missed global ${index}: ${module} ${name}`
    if (!agrees(found[0], module) || !agrees(found[1], name)) {
      return `global ${index} is ${found.join(' ')} for ${module} ${name}`
    }
  }
  if (line.ok && seen.length > line.g.length) return `saw ${seen.length} globals instead of ${line.g.length}`
  return undefined
}

function agrees(found: string | undefined, expected: unknown): boolean {
  if (found === undefined || found === expected) return true
  return typeof expected === 'string' && /[^\0-\x7f]/.test(expected) && /[^\0-\x7f]/.test(found)
}
