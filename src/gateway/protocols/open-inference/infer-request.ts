import { DATATYPES, type Datatype, elementCount, type Tensor } from '../../../core/index.ts'
import { invalidTensor, malformed } from '../../refusal.ts'
import { readBinaryData } from './binary-tensor.ts'
import {
  countPairs,
  isJsonObject,
  type JsonBudget,
  type JsonObject,
  parseExactly,
  parseJsonBody,
} from './json-body.ts'
import { NEEDS_EXACT_INTEGERS, readJsonData } from './json-tensor.ts'

/** A parsed inference request of the Open Inference Protocol, version 2. */
export interface InferRequest {
  /** The client's own name for the request, which the answer repeats. */
  readonly id: string | undefined
  readonly inputs: readonly Tensor[]
  /** The outputs that the client asked for, in its order; undefined for all of them. */
  readonly outputs: readonly RequestedOutput[] | undefined
  /** Whether outputs come as binary where the request does not say so for each. */
  readonly isBinaryByDefault: boolean
}

export interface RequestedOutput {
  readonly name: string
  readonly isBinary: boolean
}

const MAX_INPUTS = 1024
const MAX_RANK = 16
const MAX_DIMENSION = 2 ** 31 - 1
const MAX_NAME_LENGTH = 256
const MAX_ID_LENGTH = 256
const DATATYPE_NAMES: ReadonlyMap<unknown, Datatype> = new Map(
  DATATYPES.map((datatype) => [datatype, datatype]),
)

/**
 * Reads the body of an inference request. `jsonLength` is the value of Inference-Header-Content-Length: that many bytes
 * of JSON, then the binary tensors in the order of the inputs; undefined when the body is JSON alone.
 * Fields that the protocol does not define are ignored, as it asks for.
 * Throws a Refusal that says what is wrong and names the input, without quoting anything of the body's values.
 */
export function parseInferRequest(
  body: Buffer,
  jsonLength: number | undefined,
  budget: JsonBudget,
): InferRequest {
  if (jsonLength !== undefined && jsonLength > body.length) {
    throw malformed(
      'gateway.invalid-request',
      'Inference-Header-Content-Length is greater than the length of the body',
    )
  }
  const hasBinary = jsonLength !== undefined
  const json = parseJsonBody(hasBinary ? body.subarray(0, jsonLength) : body, budget)
  const binary = hasBinary ? body.subarray(jsonLength) : undefined
  try {
    return new RequestReader(json.value, json.pairs, binary, false).read()
  } catch (thrown) {
    if (thrown !== NEEDS_EXACT_INTEGERS) throw thrown
    return new RequestReader(parseExactly(json.text), json.pairs, binary, true).read()
  }
}

class RequestReader {
  readonly #value: unknown
  readonly #pairs: number
  readonly #binary: Buffer | undefined
  readonly #isExact: boolean
  #binaryAt = 0
  #pairsSeen = 0

  constructor(value: unknown, pairs: number, binary: Buffer | undefined, isExact: boolean) {
    this.#value = value
    this.#pairs = pairs
    this.#binary = binary
    this.#isExact = isExact
  }

  read(): InferRequest {
    const request = this.#value
    if (!isJsonObject(request)) throw invalidRequest('the request is not a JSON object')
    const { id, inputs, outputs, parameters } = request
    this.#countMembers(request, INFER_FIELDS)
    const isBinaryByDefault = booleanParameter(this.#parameters(parameters), 'binary_data_output') ?? false
    const tensors = this.#readInputs(inputs)
    const requested = outputs === undefined ? undefined : this.#readOutputs(outputs, isBinaryByDefault)
    if (this.#pairsSeen !== this.#pairs) {
      throw malformed('gateway.duplicate-name', 'a JSON object of the request has a name twice')
    }
    if (this.#binary !== undefined && this.#binaryAt !== this.#binary.length) {
      throw invalidRequest('the binary data is longer than the binary_data_size of all inputs')
    }
    return { id: readId(id), inputs: tensors, outputs: requested, isBinaryByDefault }
  }

  #readInputs(inputs: unknown): Tensor[] {
    if (!Array.isArray(inputs) || inputs.length > MAX_INPUTS) {
      throw invalidRequest(`the request has no 'inputs', an array of at most ${MAX_INPUTS} tensors`)
    }
    const tensors: Tensor[] = []
    for (let index = 0; index < inputs.length; index++) {
      const tensor = this.#readInput(inputs[index], index)
      for (const other of tensors) {
        if (other.name === tensor.name) throw invalidTensor(tensor.name, 'is given twice')
      }
      tensors.push(tensor)
    }
    return tensors
  }

  #readInput(input: unknown, index: number): Tensor {
    if (!isJsonObject(input)) throw invalidRequest(`the input at position ${index} is not an object`)
    this.#countMembers(input, INPUT_FIELDS)
    const name = readName(input['name'], 'input', index)
    const datatype = DATATYPE_NAMES.get(input['datatype'])
    if (datatype === undefined) {
      throw invalidTensor(name, `has no known 'datatype'; it is one of ${DATATYPES.join(', ')}`)
    }
    const shape = readShape(name, input['shape'])
    const count = elementCount(shape)
    const size = this.#binarySize(name, input['parameters'])
    if (size === undefined) {
      const data = readJsonData(name, datatype, shape, count, input['data'], this.#isExact)
      return { name, datatype, shape, data }
    }
    if (input['data'] !== undefined) throw invalidTensor(name, "has both 'data' and 'binary_data_size'")
    return {
      name,
      datatype,
      shape,
      data: readBinaryData(name, datatype, count, this.#takeBinary(name, size)),
    }
  }

  #binarySize(name: string, value: unknown): number | undefined {
    if (value === undefined) return undefined
    const parameters = this.#parameters(value)
    const size = parameters?.['binary_data_size']
    if (size === undefined) return undefined
    if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
    throw invalidTensor(name, "has a 'binary_data_size' that is not a count of bytes")
  }

  #takeBinary(name: string, size: number): Buffer {
    if (this.#binary === undefined) {
      throw invalidTensor(
        name,
        "has 'binary_data_size', but the header Inference-Header-Content-Length is missing",
      )
    }
    const from = this.#binaryAt
    if (size > this.#binary.length - from) {
      throw invalidTensor(name, "has a 'binary_data_size' that is more than the body holds")
    }
    this.#binaryAt = from + size
    return this.#binary.subarray(from, from + size)
  }

  #readOutputs(outputs: unknown, isBinaryByDefault: boolean): RequestedOutput[] {
    if (!Array.isArray(outputs)) throw invalidRequest("'outputs' is not an array")
    const requested = new Map<string, RequestedOutput>()
    for (let index = 0; index < outputs.length; index++) {
      const output: unknown = outputs[index]
      if (!isJsonObject(output)) throw invalidRequest(`the output at position ${index} is not an object`)
      this.#countMembers(output, OUTPUT_FIELDS)
      const name = readName(output['name'], 'output', index)
      if (requested.has(name)) throw invalidRequest(`the output at position ${index} is asked for twice`)
      const binary = booleanParameter(this.#parameters(output['parameters']), 'binary_data')
      requested.set(name, { name, isBinary: binary ?? isBinaryByDefault })
    }
    return [...requested.values()]
  }

  #parameters(value: unknown): JsonObject | undefined {
    if (value === undefined) return undefined
    if (!isJsonObject(value)) throw invalidRequest("'parameters' is not an object")
    this.#pairsSeen += countPairs(value)
    return value
  }

  /** Counts an object's own pairs, and those inside of members that are not read as `known` ones are. */
  #countMembers(value: JsonObject, known: ReadonlySet<string>): void {
    // What JSON.parse makes inherits nothing that can be enumerated, and this makes no array of the names.
    for (const name in value) {
      this.#pairsSeen++
      if (!known.has(name)) this.#pairsSeen += countPairs(value[name])
    }
  }
}

/** Members whose insides hold no objects, or are counted where they are read. */
const INFER_FIELDS = new Set(['id', 'inputs', 'outputs', 'parameters'])
const INPUT_FIELDS = new Set(['name', 'shape', 'datatype', 'data', 'parameters'])
const OUTPUT_FIELDS = new Set(['name', 'parameters'])

function invalidRequest(message: string) {
  return malformed('gateway.invalid-request', message)
}

function readId(id: unknown): string | undefined {
  if (id === undefined) return undefined
  if (typeof id !== 'string' || id.length > MAX_ID_LENGTH) {
    throw invalidRequest(`'id' is not a string of at most ${MAX_ID_LENGTH} characters`)
  }
  return id
}

function readName(name: unknown, what: 'input' | 'output', index: number): string {
  if (typeof name === 'string' && name.length > 0 && name.length <= MAX_NAME_LENGTH) return name
  const rule = `a string of 1 to ${MAX_NAME_LENGTH} characters`
  throw invalidRequest(`the ${what} at position ${index} has no 'name', ${rule}`)
}

function readShape(name: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isDimension)) {
    throw invalidTensor(name, `has no 'shape', an array of at most ${MAX_RANK} sizes from 0 on`)
  }
  return shape
}

function isDimension(size: unknown): boolean {
  return typeof size === 'number' && Number.isInteger(size) && size >= 0 && size <= MAX_DIMENSION
}

function booleanParameter(parameters: JsonObject | undefined, name: string): boolean | undefined {
  const value = parameters?.[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw invalidRequest(`the parameter '${name}' is not a boolean`)
}
