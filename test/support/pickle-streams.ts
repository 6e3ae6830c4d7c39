/** Pieces of hand-written pickle streams. Latin-1 text stands for bytes. */

export function bytes(...pieces: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  )
}

export function little(value: number, width: number): Buffer {
  const out = Buffer.alloc(width)
  out.writeUIntLE(value % 2 ** 48, 0, Math.min(width, 6))
  return out
}

/** SHORT_BINUNICODE */
export function text(value: string): string {
  return `\x8c${String.fromCharCode(value.length)}${value}`
}

export function global(module: string, name: string): string {
  return `c${module}\n${name}\n`
}

export function stackGlobal(module: string, name: string): string {
  return `${text(module)}${text(name)}\x93`
}

export function frame(length: number): Buffer {
  return Buffer.concat([Buffer.of(0x95), little(length, 8)])
}

export function binBytes(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x42), little(payload.length, 4), payload])
}

export const PROTO_2 = '\x80\x02'
export const PROTO_4 = '\x80\x04'
/** `os.system('id')` by the plainest opcodes, without STOP. */
export const PAYLOAD = `${global('os', 'system')}(S'id'\ntR`
