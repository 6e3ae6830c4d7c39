import type { ByteSource } from '../../../formats/index.ts'

/** One run of bytes to examine: a file, a member of an archive, or what a compressed stream holds. */
export interface Blob {
  readonly source: ByteSource
  /** The name that a loader would go by; only to choose what to look for, never to skip anything. */
  readonly name: string
  /** The members on the way to it, outermost first; undefined for the file itself. */
  readonly member: string | undefined
  readonly depth: number
  /** True where a loader would unpickle these bytes because of what holds them. */
  readonly isClaimedPickle: boolean
  /** What kind of archive it lies in, where that changes how loaders read it. */
  readonly profile: 'any' | 'torchscript' | 'package'
}

export function fileBlob(source: ByteSource, name: string): Blob {
  return { source, name, member: undefined, depth: 0, isClaimedPickle: false, profile: 'any' }
}

/** Something inside a blob, under a name of its own. */
export function innerBlob(outer: Blob, source: ByteSource, name: string, more: Partial<Blob> = {}): Blob {
  return {
    source,
    name,
    member: outer.member === undefined ? name : `${outer.member}!/${name}`,
    depth: outer.depth + 1,
    isClaimedPickle: false,
    profile: 'any',
    ...more,
  }
}

export function extensionOf(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).toLowerCase()
  const dot = base.lastIndexOf('.')
  return dot < 0 ? '' : base.slice(dot + 1)
}

export function baseName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
}
