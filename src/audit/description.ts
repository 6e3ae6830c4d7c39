import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SallyportError } from '../core/index.ts'
import type { NoteVerifier } from '../crypto/index.ts'
import { corrupt, errnoOf, fileMissing } from './errors.ts'
import { DESCRIPTION_FILE, parseDescription } from './files.ts'

/**
 * Checks that a folder holds the log of this key and origin.
 *
 * @throws {SallyportError} `audit.file-missing`, `audit.log-corrupt`, `audit.format-unsupported`, `audit.foreign-origin`,
 *   `audit.foreign-key`
 */
export async function readDescription(
  directory: string,
  verifier: NoteVerifier,
  origin: string,
): Promise<void> {
  const text = await readText(directory)
  const description = parseDescription(text)
  if (description === undefined)
    throw corrupt('it is not the description of a log', { file: DESCRIPTION_FILE })
  if (description.version !== 1) {
    throw new SallyportError(
      'audit.format-unsupported',
      `the log in ${directory} has format version ${description.version}; this Sallyport knows version 1`,
      { kind: 'conflict', remedy: 'use the Sallyport that wrote it, or a newer one' },
    )
  }
  if (description.origin !== origin) {
    throw new SallyportError(
      'audit.foreign-origin',
      `the log in ${directory} is ${description.origin}, not ${origin}`,
      {
        kind: 'conflict',
        remedy: 'give this instance its own log folder, or correct the configured origin',
        details: { found: description.origin, expected: origin },
      },
    )
  }
  if (description.vkey !== verifier.vkey) {
    throw new SallyportError('audit.foreign-key', `the log in ${directory} is signed with another key`, {
      kind: 'conflict',
      remedy: 'restore the keys folder that belongs to this log; a log never changes its key',
      details: { found: description.vkey, expected: verifier.vkey },
    })
  }
}

async function readText(directory: string): Promise<string> {
  try {
    return await readFile(join(directory, DESCRIPTION_FILE), 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw fileMissing(DESCRIPTION_FILE, directory)
    throw error
  }
}
