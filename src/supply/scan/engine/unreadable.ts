import type { Finding } from '../../../core/index.ts'
import { type FileReport, findingOf } from '../report.ts'
import { ruleById } from '../rules.ts'

export interface ExaminedFile extends FileReport {
  /** Globals that pickles of the file import, as `module.name`. */
  readonly imports: readonly string[]
  /** Asked for: what each pickle imports and calls, and the opcodes around each finding, in lines. */
  readonly explanation?: readonly string[]
}

/** A report about something that could not be read at all. */
export function unreadable(path: string, reason: string): ExaminedFile {
  const findings = [scanFinding('scan.unreadable-file', `the file cannot be read: ${reason}`, path)]
  return { path, sizeBytes: 0, format: 'unread', verdict: 'inconclusive', findings, imports: [] }
}

export function scanFinding(id: string, message: string, path: string): Finding {
  return findingOf(ruleById(id), message, { path })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  EISDIR: 'it is a folder',
  EIO: 'the disk failed',
  ENXIO: 'it is something special',
  EMFILE: 'too many files are open',
  ENOTDIR: 'a part of its path is not a folder',
}

export function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  return REASONS[code] ?? (code === '' ? 'reading failed' : `reading failed (${code})`)
}
