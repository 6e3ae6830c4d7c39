import type { SallyportError } from '../core/index.ts'

/** Exit codes of every command. */
export const EXIT = { clean: 0, findings: 1, error: 2, inconclusive: 3, usage: 4 } as const

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** What is wrong and what to do, on standard error; as one JSON object where the caller asked for JSON. */
export function printError(error: SallyportError, asJson: boolean): void {
  if (asJson) {
    const { code, message, remedy, details } = error
    process.stderr.write(`${JSON.stringify({ error: { code, message, remedy, details } })}\n`)
    return
  }
  process.stderr.write(`sallyport: ${error.message} [${error.code}]\n`)
  if (error.remedy !== undefined) process.stderr.write(`  → ${error.remedy}\n`)
  if (process.env['SALLYPORT_DEBUG'] === '1' && error.cause instanceof Error) {
    process.stderr.write(`${error.cause.stack ?? error.cause.message}\n`)
  }
}

/**
 * Rows under their headings, columns as wide as their widest cell. Control characters of cells are shown escaped: a
 * name from a hostile file must not drive the terminal.
 */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const safe = rows.map((row) => row.map(printable))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...safe.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  print(line(headings))
  for (const row of safe) print(line(row))
}

/** Control, format and surrogate characters: what moves a cursor, hides text or turns its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu

/** Text with its control characters escaped. */
export function printable(text: string): string {
  return text.replaceAll(
    UNPRINTABLE,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}
