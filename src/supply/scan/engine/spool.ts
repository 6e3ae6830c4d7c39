import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ByteSource, fileSource, memorySource } from '../../../formats/index.ts'

/** Up to this size expanded bytes stay in memory. */
const MEMORY_BYTES = 8 * 1024 * 1024

/** Bytes that come piece by piece and are then read at any place: in memory while few, in an unnamed file when many. */
export class Spool {
  #pieces: Buffer[] = []
  #size = 0
  #descriptor: number | undefined

  get size(): number {
    return this.#size
  }

  write(piece: Uint8Array): void {
    if (this.#descriptor === undefined && this.#size + piece.length > MEMORY_BYTES) this.#toFile()
    if (this.#descriptor === undefined) this.#pieces.push(Buffer.from(piece))
    else writeFully(this.#descriptor, piece)
    this.#size += piece.length
  }

  source(): ByteSource {
    if (this.#descriptor !== undefined) return fileSource(this.#descriptor, this.#size)
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces)
    this.#pieces = bytes === undefined ? [] : [bytes]
    return memorySource(bytes ?? Buffer.alloc(0))
  }

  close(): void {
    this.#pieces = []
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #toFile(): void {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-scan-'))
    try {
      this.#descriptor = openSync(join(folder, 'spool'), 'wx+', 0o600)
    } finally {
      // The open descriptor keeps the bytes; nothing is left behind however the process ends.
      rmSync(folder, { recursive: true, force: true })
    }
    for (const piece of this.#pieces) writeFully(this.#descriptor, piece)
    this.#pieces = []
  }
}

function writeFully(descriptor: number, piece: Uint8Array): void {
  let done = 0
  while (done < piece.length) done += writeSync(descriptor, piece, done)
}
