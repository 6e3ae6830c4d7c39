import { SallyportError } from '../../core/index.ts'

/**
 * Names at the top of a model that the OpenSSF Model Signing specification (v1.0, section 6.2) leaves out of every
 * signature. An artifact has none of them, so that no tool can take an unsigned file of it for a signed one.
 */
export const UNSIGNED_NAMES: readonly string[] = ['.git', '.gitattributes', '.github', '.gitignore']

/** Longest part of a path: what common file systems can hold. */
const MAX_SEGMENT_BYTES = 255

/** C0, DEL, C1, and the characters that make a name look like another one: format characters and separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u

/**
 * Refuses every path that is not canonical: relative, `/`-separated, NFC, without `.`, `..`, empty or invisible parts.
 * The refusal quotes nothing of the path but its position, for a hostile name belongs in no terminal and no log.
 * @param position the file's place in its source, from 1.
 * @throws SallyportError `supply.path-invalid` (invalid) with the reason in the message.
 */
export function requireArtifactPath(path: string, maxPathBytes: number, position: number): void {
  const problem = problemOf(path, maxPathBytes)
  if (problem === undefined) return
  throw new SallyportError('supply.path-invalid', `the name of file ${position} ${problem}`, {
    kind: 'invalid',
    remedy: 'use relative names in Unicode NFC with `/` between their parts',
    details: { position, problem },
  })
}

function problemOf(path: string, maxPathBytes: number): string | undefined {
  if (path === '') return 'is empty'
  if (!path.isWellFormed()) return 'is not well-formed Unicode'
  if (Buffer.byteLength(path) > maxPathBytes) return `is longer than ${maxPathBytes} bytes`
  if (path.includes('\0')) return 'holds a NUL character'
  if (path.includes('\\')) return 'holds a backslash'
  // What decoders put where a name was not valid UTF-8: two such names may have been different.
  if (path.includes('\ufffd')) return 'is not valid UTF-8'
  if (INVISIBLE.test(path)) return 'holds a control or invisible character'
  if (path !== path.normalize('NFC')) return 'is not in Unicode NFC'
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute'
  const segments = path.split('/')
  if (segments.includes('..')) return 'leads out of the artifact with `..`'
  if (segments.some((segment) => segment === '' || segment === '.')) return 'has an empty or `.` part'
  if (segments.some((segment) => segment.trim() !== segment || segment.endsWith('.'))) {
    return 'has a part that begins or ends with a space or ends with a dot'
  }
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) {
    return `has a part longer than ${MAX_SEGMENT_BYTES} bytes`
  }
  if (UNSIGNED_NAMES.includes(caseFold(segments[0] ?? ''))) return 'is one that model signatures leave out'
  return undefined
}

/**
 * A path as a file system that ignores case and compatibility forms would see it: two paths with the same fold are one
 * file there. Upper-casing first joins `ß` with `ss` and the final sigma with the others, as full case folding does.
 */
export function caseFold(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
