import { types } from 'pg'
import { integerTooLarge } from '../errors.ts'

const INT8 = types.builtins.INT8
const BYTEA = types.builtins.BYTEA
const parseBytea = types.getTypeParser(BYTEA)

/** Reads columns as the SQLite side gives them: integers as numbers where they are exact, bytes as Uint8Array. */
export const portableTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if (oid === INT8) return parseInteger
    if (oid === BYTEA) return (text) => new Uint8Array(parseBytea(text))
    return format === 'binary' ? types.getTypeParser(oid, 'binary') : types.getTypeParser(oid, 'text')
  },
}

function parseInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw integerTooLarge()
  return value
}
