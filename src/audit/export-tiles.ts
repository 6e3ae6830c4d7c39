import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hashesAtLevel, LEVEL_FILES, TILE_WIDTH } from './files.ts'
import type { LogReader } from './log-reader.ts'
import type { TreeStore } from './tree-store.ts'

export interface ExportedLog {
  readonly size: number
  readonly checkpoint: string
  readonly tree: TreeStore
  readonly reader: LogReader
}

/** Writes `checkpoint`, `tile/<L>/<N>` and `tile/entries/<N>` (C2SP tlog-tiles); the checkpoint last. */
export async function exportTiles(directory: string, log: ExportedLog): Promise<void> {
  const { size, checkpoint, tree, reader } = log
  for (let level = 0; level < LEVEL_FILES.length; level++) {
    const hashes = hashesAtLevel(level, size)
    for (let first = 0; first < hashes; first += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, hashes - first)
      await write(
        directory,
        tilePath(`${level}`, first / TILE_WIDTH, width),
        await tree.hashes(level, first, width),
      )
    }
  }
  for (let first = 0; first < size; first += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - first)
    const bundle = (await reader.leaves(first, width)).flatMap(({ bytes }) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(bytes.length)
      return [length, bytes]
    })
    await write(directory, tilePath('entries', first / TILE_WIDTH, width), Buffer.concat(bundle))
  }
  await write(directory, 'checkpoint', Buffer.from(checkpoint, 'utf8'))
}

/** Index 1234067 becomes x001/x234/067; a tile that is not full ends in .p and its width. */
export function tilePath(level: string, index: number, width: number): string {
  const groups: string[] = []
  let rest = index
  do {
    groups.unshift(String(rest % 1000).padStart(3, '0'))
    rest = Math.floor(rest / 1000)
  } while (rest > 0)
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

async function write(directory: string, path: string, content: Buffer): Promise<void> {
  const target = join(directory, path)
  await mkdir(dirname(target), { recursive: true })
  // Whoever serves the folder meanwhile sees the old file or the new one.
  await writeFile(`${target}.new`, content)
  await rename(`${target}.new`, target)
}
