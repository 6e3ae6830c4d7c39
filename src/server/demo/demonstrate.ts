import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { verifyProof } from '../../audit/index.ts'
import {
  type EnvironmentName,
  type EventId,
  type ModelName,
  SallyportError,
  type VersionName,
} from '../../core/index.ts'
import { type ModelVersion, packDirectory } from '../../supply/index.ts'
import type { Server } from '../server.ts'

/** The example that the demo serves, inside this repository. */
export const EXAMPLE = join(import.meta.dirname, '../../../examples/income')

/** What the demo shows: one answer and the proof of it. */
export interface Demonstration {
  readonly prediction: Prediction
  readonly model: string
  readonly version: string
  readonly artifactDigest: string
  /** What the worker computed itself over what it was handed. */
  readonly workerDigest: string
  readonly eventId: string
  readonly proofVerified: boolean
}

export interface Prediction {
  readonly label: unknown
  readonly probability: unknown
}

const OWNER = { kind: 'owner' } as const

/** Pushes the example; the same bytes give the same version. */
export async function pushExample(server: Server): Promise<ModelVersion> {
  const { version } = await server.platform.push(packDirectory(join(EXAMPLE, 'model')), OWNER)
  return version
}

/** Puts the version in force unless it is already. */
export async function deployExample(server: Server, { model, version }: ModelVersion): Promise<void> {
  const environment = server.platform.config.environment as EnvironmentName
  const inForce = await server.platform.deployments.current(environment)
  const isServed = server.serving
    .status()
    .some((each) => each.model === model && each.version === version && each.isReady)
  if (isServed && inForce.some((each) => each.model === model && each.version === version)) return
  await server.platform.deploy(model as ModelName, version as VersionName, environment, OWNER)
}

/** A key for one run of the demo; earlier ones are revoked, so that restarts leave one working key. */
export async function makeDemoKey(server: Server): Promise<string> {
  for (const key of await server.platform.keys.list()) {
    if (key.name === 'demo' && key.revokedAt === null) await server.platform.revokeKey(key.keyId, OWNER)
  }
  const created = await server.platform.createKey(
    { name: 'demo', tenant: 'default', scopes: ['infer'] },
    OWNER,
  )
  return created.key
}

export const exampleRequest = (): string => readFileSync(join(EXAMPLE, 'request.json'), 'utf8')

export const inferUrl = (server: Server, { model, version }: ModelVersion): string =>
  `${server.gatewayUrl}/v2/models/${model}/versions/${version}/infer`

const AnswerSchema = z.object({
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.unknown()) })),
})

/** Calls the gateway as any client would, then proves the answer's event against the log's verifier key. */
export async function callAndProve(
  server: Server,
  version: ModelVersion,
  key: string,
): Promise<Demonstration> {
  const response = await fetch(inferUrl(server, version), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: exampleRequest(),
  })
  const text = await response.text()
  if (!response.ok) {
    throw new SallyportError('demo.call-refused', `the gateway answered ${response.status}: ${text}`, {
      kind: 'internal',
    })
  }
  const { outputs } = AnswerSchema.parse(JSON.parse(text))
  const first = (name: string) => outputs.find((output) => output.name === name)?.data[0]
  const eventId = response.headers.get('x-sallyport-event') ?? ''
  return {
    prediction: { label: first('label'), probability: first('probability') },
    model: version.model,
    version: version.version,
    artifactDigest: version.artifactId,
    workerDigest: server.serving.workerDigest(version.artifactId) ?? '',
    eventId,
    proofVerified: await isProven(server, eventId),
  }
}

async function isProven(server: Server, eventId: string): Promise<boolean> {
  const proof = await server.platform.log.prove(eventId as EventId)
  return verifyProof(proof.text, server.platform.logVerifierKey).id === eventId
}
