/**
 * The frames of the entries file.
 *
 * An entry is its length as a 16-bit big-endian number (never 0) and its bytes: the form of a tlog-tiles entry bundle.
 * A commit ends with a checkpoint frame: 16 bits of 0, 16 bits of length, 48 bits that say where the side store ends at
 * this commit, and the signed note.
 */
export type Frame =
  | { readonly kind: 'entry'; readonly start: number; readonly end: number }
  | { readonly kind: 'checkpoint'; readonly sideBytes: number; readonly note: Buffer; readonly end: number }

export const CHECKPOINT_OVERHEAD = 2 + 2 + 6
/** The longest frame of either kind. */
export const MAXIMUM_FRAME_BYTES = 2 + 2 + 65_535

/** The frame at `offset`; undefined when `bytes` ends before it does. */
export function readFrame(bytes: Buffer, offset: number): Frame | undefined {
  if (offset + 2 > bytes.length) return undefined
  const length = bytes.readUInt16BE(offset)
  if (length > 0) {
    const end = offset + 2 + length
    return end > bytes.length ? undefined : { kind: 'entry', start: offset + 2, end }
  }
  if (offset + 4 > bytes.length) return undefined
  const end = offset + 4 + bytes.readUInt16BE(offset + 2)
  if (end > bytes.length || end < offset + CHECKPOINT_OVERHEAD) return undefined
  return {
    kind: 'checkpoint',
    sideBytes: bytes.readUIntBE(offset + 4, 6),
    note: bytes.subarray(offset + CHECKPOINT_OVERHEAD, end),
    end,
  }
}

export function checkpointFrame(note: string, sideBytes: number): Buffer {
  const text = Buffer.from(note, 'utf8')
  const frame = Buffer.alloc(CHECKPOINT_OVERHEAD + text.length)
  frame.writeUInt16BE(6 + text.length, 2)
  frame.writeUIntBE(sideBytes, 4, 6)
  text.copy(frame, CHECKPOINT_OVERHEAD)
  return frame
}
