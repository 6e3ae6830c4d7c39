import { accessSync, constants, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const NEEDED_BYTES = 1024 ** 3

/**
 * A new folder for a test, in memory where the machine has room: databases sync at every commit, and a disk that is busy
 * with other tests makes that slow. What a killed process wrote is there all the same.
 */
export function scratchFolder(purpose: string): string {
  return mkdtempSync(join(hasMemory() ? MEMORY : tmpdir(), `sallyport-${purpose}-`))
}

function hasMemory(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= NEEDED_BYTES
  } catch {
    return false
  }
}
