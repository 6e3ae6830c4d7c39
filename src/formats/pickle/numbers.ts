/**
 * The number grammars of pickle's text opcodes. Each accepts what CPython's C unpickler or its Python twin accepts, so
 * that no loader goes on where the machine stops.
 */

const INTEGER_BASE_0 =
  /^[ \t\n\v\f\r]*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[0-9](?:_?[0-9])*)[ \t\n\v\f\r]*$/
const FLOAT =
  /^[ \t\n\v\f\r]*[+-]?(?:(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:e[+-]?[0-9][0-9_]*)?|inf(?:inity)?|nan)[ \t\n\v\f\r]*$/i
/** More digits than CPython converts from decimal; such a number is taken for one without looking at its value. */
const MAX_DIGITS = 4300

/** Stands for a number that is too long to be worth its conversion. */
const UNREAD_NUMBER = 1n << 4096n

/** A line ends at its first NUL for the C functions. */
function untilNul(line: string): string {
  const nul = line.indexOf('\0')
  return nul === -1 ? line : line.slice(0, nul)
}

/** INT: `strtol(line, 0)`, then `PyLong_FromString(line, 0)`. The empty line is 0, a leading zero is octal. */
export function parseInt0(line: string): bigint | boolean | undefined {
  if (line === '00') return false
  if (line === '01') return true
  const text = untilNul(line)
  if (/^[ \t\v\f\r]*$/.test(text)) return 0n
  return parseBase0(text)
}

/** LONG: one trailing `L`, then `PyLong_FromString(line, 0)`. */
export function parseLong0(line: string): bigint | undefined {
  if (line === '') return undefined
  return parseBase0(untilNul(line.endsWith('L') ? line.slice(0, -1) : line))
}

function parseBase0(text: string): bigint | undefined {
  const match = INTEGER_BASE_0.exec(text)
  if (match === null) return undefined
  const digits = (match[2] ?? '').replaceAll('_', '')
  if (digits.length > MAX_DIGITS) return UNREAD_NUMBER
  // strtol takes 010 for eight; PyLong_FromString refuses it, and takes 08 for nothing.
  const isOctal = /^0[0-7]+$/.test(digits)
  if (!isOctal && /^0[0-9]*[89]/.test(digits)) return undefined
  const magnitude = BigInt(isOctal ? `0o${digits.slice(1)}` : digits.toLowerCase())
  return match[1] === '-' ? -magnitude : magnitude
}

/** GET and PUT: `PyLong_FromString(line, 10)`. Undefined when it is no index of a memo. */
export function parseMemoIndex(line: string): number | undefined {
  const match = /^[ \t\n\v\f\r]*[+]?([0-9](?:_?[0-9])*)[ \t\n\v\f\r]*$/.exec(untilNul(line))
  if (match === null) return undefined
  const index = Number((match[1] ?? '').replaceAll('_', ''))
  return Number.isSafeInteger(index) ? index : undefined
}

/** FLOAT: `PyOS_string_to_double` or Python's `float`. */
export function isFloatText(line: string): boolean {
  const text = untilNul(line)
  return FLOAT.test(text)
}

/** LONG1 and LONG4: two's complement, little-endian, any length. */
export function parseTwosComplement(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  const magnitude = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  const isNegative = ((bytes[bytes.length - 1] ?? 0) & 0x80) !== 0
  return isNegative ? magnitude - (1n << BigInt(8 * bytes.length)) : magnitude
}
