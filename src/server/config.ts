import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDocument, parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { SallyportError } from '../core/index.ts'
import { AdmissionPolicySchema } from '../supply/index.ts'

const port = z.int().min(0).max(65_535)
const milliseconds = z.int().min(1)
const MIB = 1024 * 1024

/** A value that is read from elsewhere, so that no secret ever stands in the configuration itself. */
const secretReference = z
  .string()
  .regex(/^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'a secret is given by reference: env:NAME or file:PATH')

/** `sallyport.yaml`. Every default is closed: loopback listeners, signatures required. */
export const ConfigSchema = z
  .strictObject({
    environment: z
      .string()
      .default('production')
      .describe('The environment whose deployments this server serves.'),
    database: z
      .strictObject({
        url: secretReference
          .optional()
          .describe(
            'Reference to a postgres:// URL. Without it, records stand in SQLite in the state folder.',
          ),
      })
      .prefault({}),
    gateway: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('Address of the data plane.'),
        port: port.default(7440).describe('Port of the data plane; 0 takes a free one.'),
        bodyLimitBytes: z
          .int()
          .min(1024)
          .max(1024 * MIB)
          .default(4 * MIB)
          .describe('Longest request body.'),
        requestTimeoutMs: milliseconds
          .default(30_000)
          .describe('From the first byte of a request to its answer.'),
        headersTimeoutMs: milliseconds.default(10_000).describe('Time a client has to send its headers.'),
        maxConcurrentExchanges: z
          .int()
          .min(1)
          .default(1024)
          .describe('Exchanges in flight; more are answered 503.'),
      })
      .prefault({}),
    admin: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('Address of the control plane.'),
        port: port.default(7441).describe('Port of the control plane; 0 takes a free one.'),
      })
      .prefault({}),
    runtime: z
      .strictObject({
        loadTimeoutMs: milliseconds.default(30_000).describe('Time a worker has to load a model.'),
        maxBatchRows: z
          .int()
          .min(1)
          .max(1024)
          .default(32)
          .describe(
            'Most rows of different calls that run as one, where the model package allows it; 1 forbids it.',
          ),
        inferTimeoutMs: milliseconds
          .default(5_000)
          .describe('Time one inference may take before its worker is killed.'),
      })
      .prefault({}),
    admission: AdmissionPolicySchema.prefault({}),
    log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  })
  .describe('Configuration of Sallyport.')

export type Config = z.infer<typeof ConfigSchema>

/** Longest configuration file that is read. */
const CONFIG_LIMIT_BYTES = MIB

/**
 * Reads `sallyport.yaml`, lays environment overrides over it (`SALLYPORT_GATEWAY_PORT` for `gateway.port`) and checks
 * the whole.
 * @param path the file; without one only defaults and overrides count.
 * @throws SallyportError `config.unreadable`, `config.invalid`: the latter names every wrong field.
 */
export function loadConfig(path: string | undefined, environment: NodeJS.ProcessEnv): Config {
  const document = path === undefined ? {} : readDocument(resolve(path))
  const overridden = withOverrides(document, environment)
  const parsed = ConfigSchema.safeParse(overridden)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`)
  throw new SallyportError('config.invalid', `the configuration is not valid: ${problems.join('; ')}`, {
    kind: 'invalid',
    remedy: 'mend the named fields; `sallyport config schema` prints what is allowed',
    details: { problems },
  })
}

/** The JSON Schema (2020-12) of `sallyport.yaml`, as published under docs/reference. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(ConfigSchema, { io: 'input' })
}

/**
 * The value behind `env:NAME` or `file:PATH`.
 * @throws SallyportError `config.secret-unavailable`, which names the reference and never the value.
 */
export function resolveSecret(reference: string, environment: NodeJS.ProcessEnv): string {
  const [scheme, ...rest] = reference.split(':')
  const place = rest.join(':')
  const value = scheme === 'env' ? environment[place] : readSecretFile(place)
  if (value !== undefined && value !== '') return value
  throw secretUnavailable(reference)
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd()
  } catch (cause) {
    throw secretUnavailable(`file:${path}`, cause)
  }
}

function secretUnavailable(reference: string, cause?: unknown): SallyportError {
  return new SallyportError('config.secret-unavailable', `the secret '${reference}' is missing or empty`, {
    kind: 'invalid',
    remedy: 'set the environment variable or make the file readable for this user',
    ...(cause === undefined ? {} : { cause }),
  })
}

function readDocument(path: string): unknown {
  let text: string
  try {
    const bytes = readFileSync(path)
    if (bytes.length > CONFIG_LIMIT_BYTES) throw new Error(`larger than ${CONFIG_LIMIT_BYTES} bytes`)
    text = bytes.toString('utf8')
  } catch (cause) {
    throw new SallyportError('config.unreadable', `the configuration ${path} cannot be read`, {
      kind: 'invalid',
      remedy: 'check the path given with --config and its permissions',
      cause,
    })
  }
  const parsed = parseDocument(text, { schema: 'core', strict: true })
  const [problem] = [...parsed.errors, ...parsed.warnings]
  try {
    if (problem !== undefined) throw problem
    return parsed.toJS({ maxAliasCount: 0 }) ?? {}
  } catch (cause) {
    throw new SallyportError('config.unreadable', `the configuration ${path} is not plain YAML`, {
      kind: 'invalid',
      remedy: 'mend its syntax; tags and aliases are not read',
      cause,
    })
  }
}

/** The override for a path of the configuration: `gateway.bodyLimitBytes` is SALLYPORT_GATEWAY_BODY_LIMIT_BYTES. */
function overrideName(path: readonly string[]): string {
  const words = path.map((part) => part.replaceAll(/([A-Z])/g, '_$1').toUpperCase())
  return `SALLYPORT_${words.join('_')}`
}

function withOverrides(document: unknown, environment: NodeJS.ProcessEnv): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document
  const result: Record<string, unknown> = { ...document }
  for (const [section, sectionSchema] of Object.entries(ConfigSchema.shape)) {
    const inner = sectionSchema.unwrap()
    if (!(inner instanceof z.ZodObject)) {
      const value = environment[overrideName([section])]
      if (value !== undefined) result[section] = scalar(value)
      continue
    }
    for (const field of Object.keys(inner.shape)) {
      const value = environment[overrideName([section, field])]
      if (value === undefined) continue
      const before = result[section]
      result[section] = { ...(typeof before === 'object' ? before : {}), [field]: scalar(value) }
    }
  }
  return result
}

/** Environment variables are text; numbers and booleans are read as YAML would. */
function scalar(text: string): unknown {
  return parseYaml(text, { schema: 'core' })
}
