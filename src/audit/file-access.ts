import { fdatasync, read, write, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'

/** Reads exactly `length` bytes. @throws {RangeError} when the file ends before */
export function readAt(fd: number, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  return new Promise((resolve, reject) => {
    const next = (done: number) => {
      if (done === length) {
        resolve(buffer)
        return
      }
      read(fd, buffer, done, length - done, position + done, (error, bytesRead) => {
        if (error !== null) reject(error)
        else if (bytesRead === 0) reject(new RangeError(`the file ends before byte ${position + length}`))
        else next(done + bytesRead)
      })
    }
    next(0)
  })
}

/** Writes all bytes. Callbacks, not promises: this is the hot path's one system call. */
export function writeAt(
  fd: number,
  bytes: Buffer,
  position: number,
  callback: (error: NodeJS.ErrnoException | undefined) => void,
): void {
  const next = (done: number) => {
    if (done === bytes.length) {
      callback(undefined)
      return
    }
    write(fd, bytes, done, bytes.length - done, position + done, (error, written) => {
      if (error !== null) callback(error)
      else next(done + written)
    })
  }
  next(0)
}

export function writeAtSync(fd: number, bytes: Buffer, position: number): void {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

export function sync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
  })
}

/** Makes the creation, renaming and removal of files in a folder durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
