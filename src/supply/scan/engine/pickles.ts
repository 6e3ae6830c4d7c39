import type { Severity } from '../../../core/index.ts'
import type { ByteSource } from '../../../formats/index.ts'
import type { Rule } from '../report.ts'

/** What the engine needs of the reader of pickles. */
export interface PickleContext {
  readonly isClaimed: boolean
  readonly profile: 'any' | 'torchscript' | 'package'
  readonly allowGlobals: ReadonlySet<string>
  readonly maxOpcodes: number
  readonly onProgress?: (offset: number) => void
}

export interface PickleScan {
  readonly isPickle: boolean
  readonly end: number
  readonly findings: readonly {
    readonly rule: Rule
    readonly severity: Severity
    readonly message: string
    readonly offset: number
    readonly evidence?: string
  }[]
  readonly imports: readonly string[]
  readonly nested: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
}

const UNREAD: Rule = {
  id: 'content.unread',
  severity: 'medium',
  title: 'Pickles are not read yet',
  references: [],
  isUnread: true,
}

function unread(source: ByteSource, isPickle: boolean): PickleScan {
  const sighting = { rule: UNREAD, severity: UNREAD.severity, message: 'pickles are not read yet', offset: 0 }
  return { isPickle, end: source.size, findings: [sighting], imports: [], nested: [] }
}

export function looksLikePickle(head: Uint8Array): boolean {
  return head[0] === 0x80 && (head[1] ?? 9) <= 5
}

export function scanPickle(source: ByteSource, _context: PickleContext): PickleScan {
  return unread(source, looksLikePickle(source.read(0, 2)))
}

export function scanNumpy(source: ByteSource, _context: PickleContext): PickleScan {
  return { ...unread(source, false), findings: [] }
}
