import type { ZipArchive, ZipMember } from './zip.ts'

/** Notes names that loaders read differently: duplicates, duplicates but for case, paths that leave the folder. */
export function noteNames(archive: ZipArchive, members: readonly ZipMember[]): void {
  const exact = new Map<string, number>()
  const folded = new Map<string, string>()
  for (const member of members) {
    const { name, dataOffset, headerOffset } = member
    const before = exact.get(name)
    if (before !== undefined && before !== dataOffset) {
      archive.note(
        'duplicate-name',
        'two members have the same name; loaders differ in which they take',
        headerOffset,
      )
    }
    exact.set(name, dataOffset)
    const key = name.toLowerCase()
    const other = folded.get(key)
    if (other !== undefined && other !== name) {
      archive.note(
        'case-duplicate',
        'two names differ only in case; loaders differ in which they take',
        headerOffset,
      )
    }
    folded.set(key, name)
    if (escapes(name))
      archive.note('path-escape', 'a name leaves the folder it is unpacked into', headerOffset)
    if (name.includes('\0'))
      archive.note('nul-in-name', 'a name holds a NUL, where some loaders end it', headerOffset)
    if (name.includes('\\')) archive.note('backslash', 'a name holds a backslash', headerOffset)
    if (name.endsWith('/') && member.compressedSize > 0) {
      archive.note('directory-with-data', 'a member named as a folder has contents', headerOffset)
    }
    // PyTorch's reader compares names without case, so DATA.PKL is its data.pkl (and nobody else's).
    if (/(^|\/)(data|constants)\.pkl$/i.test(name) && !/(^|\/)(data|constants)\.pkl$/.test(name)) {
      archive.note('case-variant', 'a name differs only in case from one that loaders look for', headerOffset)
    }
  }
}

/** True for absolute names, drive letters and any `..` segment. */
export function escapes(name: string): boolean {
  return /^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(name)
}
