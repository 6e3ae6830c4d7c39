import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuditLog } from '../../src/audit/index.ts'
import { inputSchema } from '../../src/controls/index.ts'
import {
  type Control,
  type Datatype,
  type EnvironmentName,
  type ModelName,
  type ModelSchema,
  type Scope,
  systemClock,
  type VersionName,
} from '../../src/core/index.ts'
import { NoteSigner } from '../../src/crypto/index.ts'
import { type ElementType, writeOnnx } from '../../src/formats/index.ts'
import { createGateway, type EvidenceLog, type GatewayLimits, type Route } from '../../src/gateway/index.ts'
import { ApiKeys, DEFAULT_TENANT, type IdentityTables, identityMigrations } from '../../src/identity/index.ts'
import { createLogger, Metrics } from '../../src/observe/index.ts'
import { ModelRuntime, type RunningModel } from '../../src/runtime/index.ts'
import { type Database, openDatabase } from '../../src/storage/index.ts'
import { endlessModel, IDENTITY_TYPES } from './models.ts'
import { verifiedModel } from './verified-model.ts'

const ORIGIN = 'sallyport.test/log'

/** A person, as far as this model cares: every way to declare an input. It gives back what it takes. */
export const PERSON: ModelSchema = {
  inputs: [
    { name: 'age', datatype: 'FP32', shape: [-1, 1], minimum: 17, maximum: 90, unit: 'years' },
    { name: 'hours', datatype: 'INT64', shape: [-1, 1], minimum: 1, maximum: 99 },
    {
      name: 'sector',
      datatype: 'BYTES',
      shape: [-1, 1],
      categories: ['Private', 'State-gov', 'Without-pay'],
    },
  ],
  outputs: [
    { name: 'age-out', datatype: 'FP32', shape: [-1, 1] },
    { name: 'hours-out', datatype: 'INT64', shape: [-1, 1] },
    { name: 'sector-out', datatype: 'BYTES', shape: [-1, 1] },
  ],
}

const DATATYPE_OF: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  float16: 'FP16',
  float: 'FP32',
  double: 'FP64',
  string: 'BYTES',
}
const datatypeOf = (type: ElementType): Datatype => DATATYPE_OF[type] ?? (type.toUpperCase() as Datatype)

/** One input and one output of every datatype, without ranges: `in-INT8` to `out-INT8`. */
export const EVERY_TYPE: ModelSchema = {
  inputs: IDENTITY_TYPES.map((type) => ({
    name: `in-${datatypeOf(type)}`,
    datatype: datatypeOf(type),
    shape: [-1],
  })),
  outputs: IDENTITY_TYPES.map((type) => ({
    name: `out-${datatypeOf(type)}`,
    datatype: datatypeOf(type),
    shape: [-1],
  })),
}

/** The three models of the tests, each in a worker process of its own, and the log and the keys they are served with. */
export class GatewayParts {
  readonly directory: string
  readonly log: AuditLog
  readonly keys: ApiKeys
  readonly routes: ReadonlyMap<ModelName, readonly Route[]>
  readonly #database: Database<IdentityTables>
  readonly #runtime: ModelRuntime

  private constructor(
    directory: string,
    log: AuditLog,
    database: Database<IdentityTables>,
    keys: ApiKeys,
    runtime: ModelRuntime,
    routes: ReadonlyMap<ModelName, readonly Route[]>,
  ) {
    this.directory = directory
    this.log = log
    this.#database = database
    this.keys = keys
    this.#runtime = runtime
    this.routes = routes
  }

  static async start(): Promise<GatewayParts> {
    const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
    const log = await openLog(join(directory, 'log'))
    const database = await openDatabase<IdentityTables>(
      `sqlite:${join(directory, 'records.db')}`,
      identityMigrations,
    )
    const pepper = createSecretKey(randomBytes(32))
    const keys = new ApiKeys(database, pepper, systemClock, log.append.bind(log))
    const runtime = new ModelRuntime()
    const [person, everyType, endless] = await Promise.all([
      load(runtime, identities(['float', 'int64', 'string'], PERSON, ['batch', 1])),
      load(runtime, identities(IDENTITY_TYPES, EVERY_TYPE, ['n'])),
      load(runtime, endlessModel()),
    ])
    const x = { datatype: 'FP32', shape: [1] } as const
    const routes = new Map([
      route('person', PERSON, person),
      route('every-type', EVERY_TYPE, everyType),
      route('endless', { inputs: [{ name: 'input', ...x }], outputs: [{ name: 'output', ...x }] }, endless),
    ])
    return new GatewayParts(directory, log, database, keys, runtime, routes)
  }

  /** A key that works in snapshots taken from now on. */
  async createKey(scopes: readonly Scope[], expiresAt?: number): Promise<{ key: string; keyId: string }> {
    const request = {
      name: 'test',
      tenant: DEFAULT_TENANT,
      scopes,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }
    const { key, record } = await this.keys.create(request, 'test')
    return { key, keyId: record.keyId }
  }

  async stop(): Promise<void> {
    await this.#runtime.close()
    await this.log.close()
    await this.#database.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface RunningGatewayOptions {
  readonly limits?: Partial<GatewayLimits>
  readonly controls?: readonly Control[]
  readonly evidence?: EvidenceLog
  readonly servesMetrics?: boolean
}

/** A gateway of its own in front of the parts, on a free port. */
export async function runGateway(parts: GatewayParts, options: RunningGatewayOptions = {}) {
  const logLines: string[] = []
  const metrics = new Metrics({ processMetrics: false })
  const gateway = createGateway({
    host: '127.0.0.1',
    port: 0,
    version: '1.2.3',
    snapshot: { keys: await parts.keys.snapshot(), routes: parts.routes },
    controls: options.controls ?? [inputSchema()],
    evidence: options.evidence ?? parts.log,
    metrics,
    logger: createLogger({ level: 'debug', destination: { write: (line: string) => logLines.push(line) } }),
    clock: systemClock,
    ...(options.limits && { limits: options.limits }),
    ...(options.servesMetrics === undefined ? {} : { servesMetrics: options.servesMetrics }),
  })
  const { port } = await gateway.listen()
  return { gateway, port, url: `http://127.0.0.1:${port}`, metrics, logLines }
}

export type TestGateway = Awaited<ReturnType<typeof runGateway>>

export function openLog(directory: string): Promise<AuditLog> {
  const { privateKey } = generateKeyPairSync('ed25519')
  return AuditLog.open({
    directory,
    signer: new NoteSigner(ORIGIN, privateKey),
    clock: systemClock,
    origin: ORIGIN,
  })
}

function load(runtime: ModelRuntime, model: Buffer): Promise<RunningModel> {
  const verified = verifiedModel(model)
  return runtime.load({ artifactId: verified.artifactId, open: async () => verified })
}

function identities(
  types: readonly ElementType[],
  schema: ModelSchema,
  shape: readonly (string | number)[],
): Buffer {
  const named = (names: readonly { readonly name: string }[]) =>
    types.map((type, index) => ({ name: names[index]?.name ?? '', type, shape }))
  const inputs = named(schema.inputs)
  const outputs = named(schema.outputs)
  return writeOnnx({
    opsets: [{ domain: '', version: 17 }],
    graph: {
      name: 'identities',
      inputs,
      outputs,
      nodes: inputs.map(({ name }, index) => ({
        op: 'Identity',
        inputs: [name],
        outputs: [outputs[index]?.name ?? ''],
      })),
    },
  })
}

function route(name: string, schema: ModelSchema, running: RunningModel): [ModelName, readonly Route[]] {
  const model = name as ModelName
  return [
    model,
    [
      {
        model,
        version: '1' as VersionName,
        environment: 'test' as EnvironmentName,
        artifactId: running.artifactId,
        schema,
        platform: 'onnxruntime_onnx',
        isDefault: true,
        infer: (inputs, options) => running.infer(inputs, options),
        isReady: () => running.isReady(),
      },
    ],
  ]
}
