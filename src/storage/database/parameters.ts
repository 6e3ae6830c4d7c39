import { SallyportError } from '../../core/index.ts'

/** What may be bound to a statement: what both databases store without changing it. */
export type SqlValue = null | number | bigint | string | Uint8Array

/**
 * The parameters of a statement, refused where one database would quietly store something else than the other: NaN,
 * text with U+0000 or half a surrogate pair, integers beyond 2^53 that could not be read back, `undefined`, objects.
 */
export function requirePortable(parameters: readonly unknown[]): SqlValue[] {
  return parameters.map((value, index) => {
    if (isPortable(value)) return value
    throw new SallyportError(
      'storage.parameter-invalid',
      `parameter ${index + 1} of the statement cannot be stored: ${describe(value)}`,
      { kind: 'internal', remedy: 'pass null, text, bytes, a finite number or an integer within 2^53' },
    )
  })
}

function isPortable(value: unknown): value is SqlValue {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() && !value.includes('\0')
    case 'number':
      return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
    case 'bigint':
      return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    default:
      return value === null || value instanceof Uint8Array
  }
}

/** Says what kind of value it is, never the value. */
function describe(value: unknown): string {
  if (typeof value === 'string') return 'text with U+0000 or a lone surrogate'
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number that is not exact'
  return typeof value
}
