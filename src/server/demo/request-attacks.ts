import { z } from 'zod'
import type { Attack, Refusal } from './attack.ts'
import { exampleRequest, inferUrl } from './demonstrate.ts'
import type { Target } from './target.ts'

const TensorSchema = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number()),
  data: z.array(z.unknown()),
})
const RequestSchema = z.object({ inputs: z.array(TensorSchema) })
type InferRequest = z.infer<typeof RequestSchema>

/** What a client can send: every one is the example's request with one thing wrong. */
export const requestAttacks: readonly Attack[] = [
  malformed('tensor-wrong-datatype', (request) =>
    change(request, 'age', (tensor) => ({ ...tensor, datatype: 'BYTES', data: ['forty'] })),
  ),
  malformed('tensor-shape-and-data-disagree', (request) =>
    change(request, 'age', (tensor) => ({ ...tensor, shape: [1_000_000, 1] })),
  ),
  malformed('tensor-negative-dimension', (request) =>
    change(request, 'age', (tensor) => ({ ...tensor, shape: [-1, 1] })),
  ),
  malformed('tensor-out-of-range', (request) =>
    change(request, 'age', (tensor) => ({ ...tensor, data: [4_000] })),
  ),
  malformed('tensor-unknown-category', (request) =>
    change(request, 'workclass', (tensor) => ({ ...tensor, data: ['\u0000../../etc/passwd'] })),
  ),
  malformed('tensor-missing', (request) => ({ inputs: request.inputs.slice(1) })),
  malformed('tensor-duplicated', (request) => ({
    inputs: [...request.inputs, ...request.inputs.slice(0, 1)],
  })),
  malformed('tensor-undeclared', (request) => ({
    inputs: [...request.inputs, { name: 'fnlwgt', datatype: 'FP32', shape: [1, 1], data: [1] }],
  })),
  {
    name: 'tensor-truncated-body',
    attempt: (target) => send(target, { body: exampleRequest().slice(0, -40) }),
  },
  {
    name: 'tensor-binary-size-lies',
    attempt: (target) => {
      const header = JSON.stringify({
        inputs: [
          { name: 'age', datatype: 'INT64', shape: [1, 1], parameters: { binary_data_size: 4_294_967_295 } },
        ],
      })
      return send(target, {
        body: `${header}12345678`,
        headers: {
          'content-type': 'application/octet-stream',
          'inference-header-content-length': String(header.length),
        },
      })
    },
  },
  {
    name: 'key-forged',
    attempt: (target) =>
      send(target, { body: exampleRequest(), headers: { authorization: `Bearer ${flipLast(target.key)}` } }),
  },
  {
    name: 'key-missing',
    attempt: (target) => send(target, { body: exampleRequest(), headers: { authorization: '' } }),
  },
]

function malformed(name: string, spoil: (request: InferRequest) => InferRequest): Attack {
  return {
    name,
    attempt: (target) =>
      send(target, { body: JSON.stringify(spoil(RequestSchema.parse(JSON.parse(exampleRequest())))) }),
  }
}

function change(
  request: InferRequest,
  name: string,
  spoil: (tensor: InferRequest['inputs'][number]) => InferRequest['inputs'][number],
): InferRequest {
  return { inputs: request.inputs.map((tensor) => (tensor.name === name ? spoil(tensor) : tensor)) }
}

function flipLast(key: string): string {
  return key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A')
}

const ErrorSchema = z.object({ error: z.string(), code: z.string() })

async function send(
  { server, version, key }: Target,
  request: { body: string; headers?: Record<string, string> },
): Promise<Refusal | undefined> {
  const response = await fetch(inferUrl(server, version), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...request.headers },
    body: request.body,
  })
  const text = await response.text()
  if (response.ok) return undefined
  const { error, code } = ErrorSchema.parse(JSON.parse(text))
  return {
    reason: `${response.status}: ${error} [${code}]`,
    eventId: response.headers.get('x-sallyport-event') ?? undefined,
  }
}
