import { type Document, Lexer, parseDocument } from 'yaml'
import { z } from 'zod'
import { DATATYPES, isName, isSha256, type ModelName, SallyportError, type Sha256 } from '../../core/index.ts'

/** Longest `model.yaml` that is read. */
const MAX_BYTES = 256 * 1024

const MAX_RANK = 8
const MAX_NESTING = 32
const NUMERIC = new Set<string>(DATATYPES.filter((datatype) => datatype !== 'BOOL' && datatype !== 'BYTES'))

const line = z.string().min(1).max(500)
const finite = z.number().refine(Number.isFinite, 'must be a finite number')

const TensorDeclarationSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
      .describe('The name of the input or output in the model itself.'),
    datatype: z.enum(DATATYPES),
    shape: z
      .array(
        z
          .int()
          .min(-1)
          .max(2 ** 31 - 1),
      )
      .max(MAX_RANK)
      .describe('One number a dimension; -1 for one that is free, such as the batch.'),
    description: line.exactOptional(),
    unit: z.string().min(1).max(50).exactOptional(),
    minimum: finite.exactOptional().describe('Inclusive; holds for every element.'),
    maximum: finite.exactOptional().describe('Inclusive; holds for every element.'),
    categories: z
      .array(z.string().max(500))
      .min(1)
      .max(10_000)
      .refine((categories) => new Set(categories).size === categories.length, 'each may stand once')
      .exactOptional()
      .describe('The only values an element may have; for BYTES.'),
  })
  .superRefine(({ datatype, minimum, maximum, categories, shape }, context) => {
    const problem = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if (shape.includes(0)) problem('shape', 'a dimension is -1 or at least 1')
    if (categories !== undefined && datatype !== 'BYTES') problem('categories', 'are for BYTES only')
    if (!NUMERIC.has(datatype)) {
      if (minimum !== undefined) problem('minimum', `has no meaning for ${datatype}`)
      if (maximum !== undefined) problem('maximum', `has no meaning for ${datatype}`)
    }
    if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
      problem('minimum', 'is greater than the maximum')
    }
  })

const tensors = z
  .array(TensorDeclarationSchema)
  .min(1)
  .max(1000)
  .refine((all) => new Set(all.map((tensor) => tensor.name)).size === all.length, 'each name may stand once')

const name = z.custom<ModelName>((value) => typeof value === 'string' && isName(value), {
  error: 'must be 1 to 63 of a-z 0-9 . _ -, beginning and ending with a letter or digit',
})
const sha256 = z.custom<Sha256>((value) => typeof value === 'string' && isSha256(value), {
  error: 'must be 64 lower-case hexadecimal characters',
})
const metricName = z
  .string()
  .regex(/^[a-z][a-zA-Z0-9_.-]{0,62}$/, 'must begin with a-z and have at most 63 of a-z A-Z 0-9 _ . -')

/** `model.yaml`: what a model is, as its author declares it. */
export const ModelDeclarationSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name,
  description: z.string().min(1).max(5000),
  framework: z.strictObject({ name: line, version: line.exactOptional() }).exactOptional(),
  /** An SPDX licence expression, or the terms in words. */
  licence: line,
  inputs: tensors,
  outputs: tensors,
  dataset: z
    .strictObject({
      name: line,
      /** SHA-256 of the package's `dataset.json`, as `sha256sum` prints it. */
      manifest: sha256,
    })
    .exactOptional(),
  batching: z
    .strictObject({
      maxRows: z.int().min(2).max(1024).describe('Most rows that run as one.'),
    })
    .optional()
    .describe(
      'Says that rows of a request do not influence each other, so that calls which wait together may run as one.',
    ),
  metrics: z.record(metricName, finite).default({}),
})

export type ModelDeclaration = z.infer<typeof ModelDeclarationSchema>

/**
 * Reads `model.yaml`: one YAML 1.2 document in the core schema, without directives, tags, anchors or aliases.
 * @throws SallyportError `supply.declaration-invalid` (invalid), which names every wrong field.
 */
export function readModelDeclaration(bytes: Uint8Array): ModelDeclaration {
  const parsed = ModelDeclarationSchema.safeParse(parseYaml(bytes))
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`))
}

function parseYaml(bytes: Uint8Array): unknown {
  if (bytes.byteLength > MAX_BYTES) throw invalid([`it is larger than ${MAX_BYTES} bytes`])
  let document: Document
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    requireShallow(text)
    document = parseDocument(text, { version: '1.2', schema: 'core', strict: true, uniqueKeys: true })
    value = document.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause
    throw invalid(['it is not YAML in UTF-8, or it has aliases'], cause)
  }
  const [problem] = [...document.errors, ...document.warnings]
  // The text of the library's message quotes the document; its code and line do not.
  if (problem !== undefined) {
    throw invalid([`line ${problem.linePos?.[0].line ?? 1}: it is not plain YAML (${problem.code})`])
  }
  if (document.directives?.docStart === true && document.directives.yaml.explicit === true) {
    throw invalid(['it has a %YAML directive'])
  }
  return value
}

/**
 * The parser recurses and is slow on what is nested deep, so its tokens are counted first: open brackets, and the
 * indicators of one line that each open a collection. Nesting by indentation costs the square of its depth in bytes.
 */
function requireShallow(text: string): void {
  let brackets = 0
  let indicators = 0
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') brackets += 1
    else if (token === ']' || token === '}') brackets -= 1
    else if (token === '-' || token === '?') indicators += 1
    else if (/^[\r\n]/.test(token)) indicators = 0
    if (brackets > MAX_NESTING || indicators > MAX_NESTING)
      throw invalid([`it nests deeper than ${MAX_NESTING}`])
  }
}

function invalid(problems: readonly string[], cause?: unknown): SallyportError {
  const shown = problems.slice(0, 20)
  return new SallyportError('supply.declaration-invalid', `model.yaml is not valid: ${shown.join('; ')}`, {
    kind: 'invalid',
    remedy: 'see docs/reference/model-package.md for its fields',
    details: { problems: shown },
    ...(cause === undefined ? {} : { cause }),
  })
}
