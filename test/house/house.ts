import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** The wings of the house from top to bottom. A wing may import only from wings below its own. */
export const WINGS = [
  'cli',
  'server',
  'admin',
  'assure',
  'train',
  'respond',
  'rollout',
  'gateway',
  'controls',
  'retrieval',
  'runtime',
  'supply',
  'observe',
  'policy',
  'identity',
  'audit',
  'storage',
  'crypto',
  'formats',
  'text',
  'core',
] as const

/** Units with a public face of their own: the scanner is a library by itself and must start without the registry. */
const OWN_FACES: readonly string[] = ['supply/scan/index.ts']

type Wing = (typeof WINGS)[number]

export interface Violation {
  /** Path of the importing file, relative to `src`. */
  readonly file: string
  readonly rule: 'upward' | 'past-index' | 'no-index' | 'unknown-wing' | 'leaves-src'
  readonly detail: string
}

// Formatting is fixed by Biome, so an import or export clause always ends in `from '…'`, `import('…')` or `import '…'`.
const IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g

/** Checks every TypeScript file below `src` against the order of the wings; an empty array means the house stands. */
export function findHouseViolations(src: string): Violation[] {
  const violations: Violation[] = []
  for (const wing of readdirSync(src, { withFileTypes: true })) {
    if (!wing.isDirectory()) continue
    if (!WINGS.some((known) => known === wing.name)) {
      violations.push({
        file: wing.name,
        rule: 'unknown-wing',
        detail: `${wing.name} is not a wing of the house`,
      })
    } else if (wing.name !== 'cli' && !existsSync(join(src, wing.name, 'index.ts'))) {
      violations.push({ file: wing.name, rule: 'no-index', detail: `${wing.name} has no index.ts` })
    }
  }
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  for (const file of files.sort()) violations.push(...violationsOf(src, file))
  return violations
}

function violationsOf(src: string, file: string): Violation[] {
  const violations: Violation[] = []
  const [fromWing] = file.split(sep)
  const text = readFileSync(join(src, file), 'utf8')
  for (const [, specifier] of text.matchAll(IMPORT)) {
    if (specifier === undefined) continue
    const target = relative(src, resolve(dirname(join(src, file)), specifier))
    const [toWing, ...rest] = target.split(sep)
    if (toWing === fromWing) continue
    if (toWing === '..') {
      // A test may read fixtures and support from outside; the product may not.
      if (!file.endsWith('.test.ts')) violations.push({ file, rule: 'leaves-src', detail: specifier })
      continue
    }
    const from = WINGS.indexOf(fromWing as Wing)
    const to = WINGS.indexOf(toWing as Wing)
    if (to < from) {
      violations.push({
        file,
        rule: 'upward',
        detail: `${fromWing} must not import ${toWing} (${specifier})`,
      })
    } else if (rest.join('/') !== 'index.ts' && !OWN_FACES.includes(`${toWing}/${rest.join('/')}`)) {
      violations.push({
        file,
        rule: 'past-index',
        detail: `import ${toWing}/index.ts instead of ${specifier}`,
      })
    }
  }
  return violations
}
