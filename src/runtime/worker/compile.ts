/**
 * Compiles the program of a worker: `node compile.ts SOURCE TARGET`. Types are taken out and imports named anew; TARGET
 * appears whole or not at all.
 */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { PROGRAM_PARTS, sourcesIn } from './program.ts'

const [source = '', target = ''] = process.argv.slice(2)
const unfinished = mkdtempSync(`${target}-`)
try {
  for (const part of PROGRAM_PARTS) {
    mkdirSync(join(unfinished, part))
    for (const file of sourcesIn(join(source, part))) {
      const code = stripTypeScriptTypes(readFileSync(join(source, part, file), 'utf8'))
      // Formatting is fixed, so a specifier of the program's own always ends like this.
      writeFileSync(
        join(unfinished, part, file.replace(/ts$/, 'mjs')),
        code.replaceAll(/(?<=from '\.{1,2}\/[^']+)\.ts'/g, ".mjs'"),
      )
    }
  }
  renameSync(unfinished, target)
} finally {
  rmSync(unfinished, { recursive: true, force: true })
}
