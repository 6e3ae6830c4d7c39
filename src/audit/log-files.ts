import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, fileMissing } from './errors.ts'
import { ENTRIES_FILE, HEAD_FILE, INDEX_FILE, LEVEL_FILES, SIDE_FILE } from './files.ts'

/** The open files of a log. */
export class LogFiles {
  readonly entries: FileHandle
  readonly side: FileHandle
  readonly index: FileHandle
  readonly levels: readonly FileHandle[]
  readonly head: FileHandle

  private constructor(
    entries: FileHandle,
    side: FileHandle,
    index: FileHandle,
    levels: readonly FileHandle[],
    head: FileHandle,
  ) {
    this.entries = entries
    this.side = side
    this.index = index
    this.levels = levels
    this.head = head
  }

  /**
   * Opens all of them, or none. For writing, the entries and the side store are opened with O_DSYNC: a write returns
   * when it is durable, so that one trip through the thread pool does for a write and its fdatasync.
   *
   * @throws {SallyportError} `audit.file-missing`
   */
  static async open(directory: string, access: 'read' | 'write'): Promise<LogFiles> {
    const opened: FileHandle[] = []
    const plain = access === 'read' ? constants.O_RDONLY : constants.O_RDWR
    const durable = access === 'read' ? constants.O_RDONLY : constants.O_RDWR | constants.O_DSYNC
    const openFile = async (file: string, flags: number) => {
      try {
        const handle = await open(join(directory, file), flags | constants.O_NOFOLLOW)
        opened.push(handle)
        return handle
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') throw fileMissing(file, directory)
        throw error
      }
    }
    try {
      const entries = await openFile(ENTRIES_FILE, durable)
      const side = await openFile(SIDE_FILE, durable)
      const index = await openFile(INDEX_FILE, plain)
      const levels: FileHandle[] = []
      for (const file of LEVEL_FILES) levels.push(await openFile(file, plain))
      const head = await openFile(HEAD_FILE, plain)
      return new LogFiles(entries, side, index, levels, head)
    } catch (error) {
      await Promise.all(opened.map((handle) => handle.close()))
      throw error
    }
  }

  async close(): Promise<void> {
    const all = [this.entries, this.side, this.index, ...this.levels, this.head]
    await Promise.all(all.map((handle) => handle.close()))
  }
}
