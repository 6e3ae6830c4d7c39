import { type ModelSchema, SallyportError, type Tensor } from '../../../core/index.ts'
import { Refusal } from '../../refusal.ts'
import { writeBinaryData } from './binary-tensor.ts'
import type { InferRequest, RequestedOutput } from './infer-request.ts'

/** An answer ready to leave: its body, and its headers, names and values alternating. */
export interface ProtocolAnswer {
  readonly body: string | Uint8Array
  readonly headers: readonly string[]
}

const JSON_HEADERS = ['content-type', 'application/json']

/** Refuses a request for an output that the model does not declare. Run it before the model is. */
export function checkRequestedOutputs(request: InferRequest, schema: ModelSchema): void {
  request.outputs?.forEach(({ name }, index) => {
    if (schema.outputs.some((output) => output.name === name)) return
    const given = schema.outputs.map((output) => `'${output.name}'`).join(', ')
    const which = `the output at position ${index}`
    throw new Refusal('gateway.unknown-output', `${which} is not one that the model gives: ${given}`, {
      kind: 'invalid',
    })
  })
}

/**
 * Writes an inference answer. `prefix` is its constant beginning, `{"model_name":…,"model_version":…`. Outputs that the
 * model's schema does not declare are left out.
 */
export function writeInferAnswer(
  prefix: string,
  request: InferRequest,
  schema: ModelSchema,
  outputs: readonly Tensor[],
): ProtocolAnswer {
  let json = prefix
  if (request.id !== undefined) json += `,"id":${JSON.stringify(request.id)}`
  json += ',"outputs":['
  const binaries: Uint8Array[] = []
  let separator = ''
  for (const requested of request.outputs ?? schema.outputs) {
    const tensor = find(outputs, requested.name)
    json += `${separator}{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}"`
    json += `,"shape":[${tensor.shape.join(',')}]`
    if (isBinary(requested, request.isBinaryByDefault)) {
      const bytes = writeBinaryData(tensor)
      binaries.push(bytes)
      json += `,"parameters":{"binary_data_size":${bytes.length}}}`
    } else {
      json += `,"data":[${writeElements(tensor)}]}`
    }
    separator = ','
  }
  json += ']}'
  if (binaries.length === 0) return { body: json, headers: JSON_HEADERS }
  const head = Buffer.from(json)
  return {
    body: Buffer.concat([head, ...binaries]),
    headers: [
      'content-type',
      'application/octet-stream',
      'inference-header-content-length',
      String(head.length),
    ],
  }
}

function isBinary(requested: { readonly name: string } | RequestedOutput, byDefault: boolean): boolean {
  return 'isBinary' in requested ? requested.isBinary : byDefault
}

function find(outputs: readonly Tensor[], name: string): Tensor {
  for (const output of outputs) if (output.name === name) return output
  throw new SallyportError('gateway.output-missing', `the model did not give its output '${name}'`, {
    kind: 'internal',
    remedy: 'push a version whose declared outputs are those of its graph',
  })
}

/** Elements as JSON, separated by commas. Text of numbers is the shortest that gives the same value when read. */
function writeElements(tensor: Tensor): string {
  const { data, datatype } = tensor
  if (!ArrayBuffer.isView(data)) return JSON.stringify(data).slice(1, -1)
  if (data instanceof Uint8Array && datatype === 'BOOL') {
    return Array.from(data, (element) => (element === 0 ? 'false' : 'true')).join(',')
  }
  const isHalf = data instanceof Uint16Array && datatype === 'FP16'
  const text = (isHalf ? new Float16Array(data.buffer, data.byteOffset, data.length) : data).join(',')
  // NaN, Infinity and -Infinity are the only numbers whose text has this letter.
  if (text.includes('N') || text.includes('y')) {
    throw new SallyportError(
      'gateway.output-not-finite',
      `the output '${tensor.name}' holds NaN or an infinity, which JSON cannot carry`,
      { kind: 'internal', remedy: 'ask for this output as binary: {"parameters":{"binary_data":true}}' },
    )
  }
  return text
}
