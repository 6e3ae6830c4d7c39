import { readSync } from 'node:fs'

/**
 * Random access to untrusted bytes without holding them all. Synchronous, because readers of formats run in a worker of
 * their own. A view that `read` gives is valid until the next `read` of the same source; who keeps bytes copies them.
 */
export interface ByteSource {
  readonly size: number
  /** At most `length` bytes from `offset`; fewer only where the source ends. */
  read(offset: number, length: number): Uint8Array
}

const NOTHING = new Uint8Array(0)

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + Math.max(0, length))),
  }
}

/** Small reads are served from one window, so that a reader may ask for a few bytes at a time. */
const WINDOW_BYTES = 64 * 1024

/**
 * The bytes of an open file of the given size. A file that has become shorter reads as if it ended there; who opened it
 * compares its state before and after.
 */
export function fileSource(descriptor: number, size: number): ByteSource {
  let window: Uint8Array = NOTHING
  let windowStart = 0
  let windowEnd = 0
  return {
    size,
    read(offset, length) {
      const wanted = Math.min(length, size - offset)
      if (wanted <= 0) return NOTHING
      if (wanted > WINDOW_BYTES) {
        const bytes = Buffer.allocUnsafeSlow(wanted)
        return bytes.subarray(0, readFully(descriptor, bytes, wanted, offset))
      }
      if (offset < windowStart || offset + wanted > windowEnd) {
        if (window.length === 0) window = Buffer.allocUnsafeSlow(Math.min(size, WINDOW_BYTES))
        windowStart = offset
        windowEnd = offset + readFully(descriptor, window, Math.min(window.length, size - offset), offset)
      }
      const start = offset - windowStart
      return window.subarray(start, Math.min(start + wanted, windowEnd - windowStart))
    },
  }
}

function readFully(descriptor: number, bytes: Uint8Array, length: number, offset: number): number {
  let done = 0
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, offset + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** A part of a source, as a source of its own. What lies outside the parent does not exist. */
export function sliceSource(source: ByteSource, offset: number, length: number): ByteSource {
  const start = Math.min(Math.max(0, offset), source.size)
  const size = Math.max(0, Math.min(length, source.size - start))
  if (start === 0 && size === source.size) return source
  return {
    size,
    read(at, count) {
      const wanted = Math.min(count, size - at)
      return wanted <= 0 ? NOTHING : source.read(start + at, wanted)
    },
  }
}

/** All bytes in one piece, as a copy that stays valid; undefined when there are more than `maxBytes`. */
export function readAll(source: ByteSource, maxBytes: number): Buffer | undefined {
  if (source.size > maxBytes) return undefined
  return Buffer.from(source.read(0, source.size))
}

/** The first place of `pattern` at or after `from` and before `to`, or -1. Reads in pieces. */
export function indexOfBytes(source: ByteSource, pattern: Uint8Array, from = 0, to = source.size): number {
  const step = WINDOW_BYTES
  for (let at = from; at + pattern.length <= to; at += step - pattern.length + 1) {
    const piece = source.read(at, Math.min(step, to - at))
    const found = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).indexOf(pattern)
    if (found >= 0) return at + found
    if (piece.length < step) break
  }
  return -1
}
