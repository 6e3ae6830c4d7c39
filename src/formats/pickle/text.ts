/**
 * UNICODE: `PyUnicode_DecodeRawUnicodeEscape`. Only `\uXXXX` and `\UXXXXXXXX` are escapes, after an even number of
 * backslashes. Undefined when the loader refuses the line.
 */
export function decodeRawUnicodeEscape(line: Uint8Array): string | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('latin1')
  if (!text.includes('\\')) return text
  let decoded = ''
  let at = 0
  while (at < text.length) {
    const backslash = text.indexOf('\\', at)
    if (backslash === -1) return decoded + text.slice(at)
    decoded += text.slice(at, backslash)
    const letter = text[backslash + 1]
    if (letter !== 'u' && letter !== 'U') {
      decoded += text.slice(backslash, backslash + 2)
      at = backslash + 2
      continue
    }
    const length = letter === 'u' ? 4 : 8
    const digits = text.slice(backslash + 2, backslash + 2 + length)
    if (digits.length !== length || !/^[0-9a-fA-F]+$/.test(digits)) return undefined
    const code = Number.parseInt(digits, 16)
    if (code > 0x10ffff) return undefined
    decoded += String.fromCodePoint(code)
    at = backslash + 2 + length
  }
  return decoded
}

const SIMPLE_ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x5c, 0x5c],
  [0x27, 0x27],
  [0x22, 0x22],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x74, 0x09],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x76, 0x0b],
  [0x61, 0x07],
])

/**
 * STRING: a quoted line with the escapes of a bytes literal (`PyBytes_DecodeEscape`). The loader then decodes the bytes
 * with an encoding of its own, so the bytes are what is given here. Undefined when a loader refuses the line.
 */
export function decodeQuotedString(line: Uint8Array): Uint8Array | undefined {
  let end = line.length
  const quote = line[0]
  if (end < 2 || quote !== line[end - 1] || (quote !== 0x27 && quote !== 0x22)) return undefined
  end--
  const out = Buffer.alloc(end)
  let length = 0
  let at = 1
  while (at < end) {
    const byte = line[at++] ?? 0
    if (byte !== 0x5c) {
      out[length++] = byte
      continue
    }
    if (at >= end) return undefined
    const letter = line[at++] ?? 0
    const simple = SIMPLE_ESCAPES.get(letter)
    if (simple !== undefined) out[length++] = simple
    else if (letter === 0x0a) continue
    else if (letter >= 0x30 && letter <= 0x37) {
      let code = letter - 0x30
      for (let digits = 1; digits < 3 && at < end; digits++) {
        const digit = line[at] ?? 0
        if (digit < 0x30 || digit > 0x37) break
        code = code * 8 + digit - 0x30
        at++
      }
      out[length++] = code & 0xff
    } else if (letter === 0x78) {
      const digits = Buffer.from(line.subarray(at, Math.min(at + 2, end))).toString('latin1')
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) return undefined
      out[length++] = Number.parseInt(digits, 16)
      at += 2
    } else {
      out[length++] = 0x5c
      out[length++] = letter
    }
  }
  return out.subarray(0, length)
}
