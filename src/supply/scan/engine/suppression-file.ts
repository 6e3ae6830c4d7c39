import { parse } from 'yaml'
import * as z from 'zod'
import { SallyportError } from '../../../core/index.ts'
import type { Suppression } from './suppression.ts'

const suppressionSchema = z.strictObject({
  rule: z.string().min(1),
  /** The path as the report gives it, or the end of it. */
  path: z.string().min(1).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  reason: z.string().min(8, 'a reason of at least 8 characters'),
  expires: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a date such as 2027-01-31'),
})
const fileSchema = z.strictObject({ suppressions: z.array(suppressionSchema).max(10_000) })

/** Reads a file of suppressions, YAML or JSON. Each has a reason and an expiry, and names a file by path or digest. */
export function parseSuppressions(text: string): readonly Suppression[] {
  let value: unknown
  try {
    value = parse(text)
  } catch (thrown) {
    throw invalid('it is not YAML', thrown)
  }
  const result = fileSchema.safeParse(value)
  if (!result.success) throw invalid(z.prettifyError(result.error), result.error)
  const bare = result.data.suppressions.find((own) => own.path === undefined && own.sha256 === undefined)
  if (bare !== undefined)
    throw invalid(`the suppression of ${bare.rule} names neither a path nor a sha256`, undefined)
  return result.data.suppressions
}

function invalid(what: string, cause: unknown): SallyportError {
  return new SallyportError('scan.suppressions-invalid', `the file of suppressions cannot be used: ${what}`, {
    kind: 'invalid',
    remedy:
      'write `suppressions:` with entries of rule, path or sha256, reason and expires; see docs/how-to/scan.md',
    cause,
  })
}
