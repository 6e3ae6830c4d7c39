import { WireWriter } from '../protobuf/index.ts'
import { type ElementType, elementTypeCode } from './element-type.ts'

export interface ModelDefinition {
  /** The version of the file format; 8 goes with opset 17 and is read by every current runtime. */
  readonly irVersion?: number
  readonly producerName?: string
  readonly producerVersion?: string
  readonly domain?: string
  readonly modelVersion?: number
  readonly docString?: string
  readonly opsets: readonly OpsetDefinition[]
  readonly graph: GraphDefinition
  readonly metadata?: Readonly<Record<string, string>>
  readonly functions?: readonly FunctionDefinition[]
  readonly trainingInfo?: readonly {
    readonly initialization?: GraphDefinition
    readonly algorithm?: GraphDefinition
  }[]
}

export interface OpsetDefinition {
  /** Empty for the standard operators, `ai.onnx.ml` for the classical ones. */
  readonly domain: string
  readonly version: number
}

export interface GraphDefinition {
  readonly name: string
  readonly nodes: readonly NodeDefinition[]
  readonly inputs: readonly ValueDefinition[]
  readonly outputs: readonly ValueDefinition[]
  readonly initializers?: readonly TensorDefinition[]
  readonly sparseInitializers?: readonly SparseTensorDefinition[]
}

export interface ValueDefinition {
  readonly name: string
  readonly type: ElementType
  /** A number, or the name of a free dimension. Leave it out to declare no rank. */
  readonly shape?: readonly (number | string)[]
  readonly docString?: string
}

export interface NodeDefinition {
  readonly op: string
  readonly domain?: string
  readonly name?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeDefinition>>
}

export type AttributeDefinition =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly string: string | Uint8Array }
  | { readonly tensor: TensorDefinition }
  | { readonly graph: GraphDefinition }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly strings: readonly string[] }
  | { readonly tensors: readonly TensorDefinition[] }
  | { readonly graphs: readonly GraphDefinition[] }
  | { readonly sparseTensor: SparseTensorDefinition }

export interface TensorDefinition {
  readonly name?: string
  readonly type: ElementType
  readonly dims: readonly (number | bigint)[]
  readonly data: TensorContent
}

/** Row-major. `raw` is little-endian bytes; `external` says that the values are in another file. */
export type TensorContent =
  | { readonly raw: Uint8Array }
  | { readonly floats: readonly number[] | Float32Array }
  | { readonly integers: readonly (number | bigint)[] }
  | { readonly strings: readonly string[] }
  | { readonly external: Readonly<Record<string, string>> }

export interface SparseTensorDefinition {
  readonly values: TensorDefinition
  readonly indices: TensorDefinition
  readonly dims: readonly number[]
}

export interface FunctionDefinition {
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly NodeDefinition[]
  readonly opsets: readonly OpsetDefinition[]
}

/** Writes an ONNX model (ModelProto of onnx.proto). The same definition gives the same bytes. */
export function writeOnnx(model: ModelDefinition): Buffer {
  const writer = new WireWriter().integer(1, model.irVersion ?? 8)
  if (model.producerName !== undefined) writer.text(2, model.producerName)
  if (model.producerVersion !== undefined) writer.text(3, model.producerVersion)
  if (model.domain !== undefined) writer.text(4, model.domain)
  if (model.modelVersion !== undefined) writer.integer(5, model.modelVersion)
  if (model.docString !== undefined) writer.text(6, model.docString)
  writer.message(7, graph(model.graph))
  for (const set of model.opsets) writer.message(8, opset(set))
  for (const [key, value] of Object.entries(model.metadata ?? {})) writer.message(14, entry(key, value))
  for (const info of model.trainingInfo ?? []) {
    const training = new WireWriter()
    if (info.initialization !== undefined) training.message(1, graph(info.initialization))
    if (info.algorithm !== undefined) training.message(2, graph(info.algorithm))
    writer.message(20, training)
  }
  for (const definition of model.functions ?? []) writer.message(25, functionOf(definition))
  return writer.finish()
}

function graph(definition: GraphDefinition): WireWriter {
  const writer = new WireWriter()
  for (const part of definition.nodes) writer.message(1, node(part))
  writer.text(2, definition.name)
  for (const part of definition.initializers ?? []) writer.message(5, tensor(part))
  for (const part of definition.inputs) writer.message(11, value(part))
  for (const part of definition.outputs) writer.message(12, value(part))
  for (const part of definition.sparseInitializers ?? []) writer.message(15, sparseTensor(part))
  return writer
}

function node(definition: NodeDefinition): WireWriter {
  const writer = new WireWriter()
  for (const name of definition.inputs) writer.text(1, name)
  for (const name of definition.outputs) writer.text(2, name)
  if (definition.name !== undefined) writer.text(3, definition.name)
  writer.text(4, definition.op)
  for (const [name, content] of Object.entries(definition.attributes ?? {})) {
    writer.message(5, attribute(name, content))
  }
  if (definition.domain !== undefined) writer.text(7, definition.domain)
  return writer
}

function functionOf(definition: FunctionDefinition): WireWriter {
  const writer = new WireWriter().text(1, definition.name)
  for (const name of definition.inputs) writer.text(4, name)
  for (const name of definition.outputs) writer.text(5, name)
  for (const part of definition.nodes) writer.message(7, node(part))
  for (const set of definition.opsets) writer.message(9, opset(set))
  return writer.text(10, definition.domain)
}

/** The numbers of AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
} as const

function attribute(name: string, content: AttributeDefinition): WireWriter {
  const writer = new WireWriter().text(1, name)
  const finish = (type: keyof typeof ATTRIBUTE_TYPE): WireWriter => writer.integer(20, ATTRIBUTE_TYPE[type])
  if ('float' in content) return writer.float(2, content.float) && finish('float')
  if ('int' in content) return writer.integer(3, content.int) && finish('int')
  if ('string' in content) return writer.bytes(4, Buffer.from(content.string)) && finish('string')
  if ('tensor' in content) return writer.message(5, tensor(content.tensor)) && finish('tensor')
  if ('graph' in content) return writer.message(6, graph(content.graph)) && finish('graph')
  if ('floats' in content) return writer.packedFloats(7, content.floats) && finish('floats')
  if ('ints' in content) return writer.packedIntegers(8, content.ints) && finish('ints')
  if ('strings' in content) {
    for (const text of content.strings) writer.text(9, text)
    return finish('strings')
  }
  if ('tensors' in content) {
    for (const part of content.tensors) writer.message(10, tensor(part))
    return finish('tensors')
  }
  if ('graphs' in content) {
    for (const part of content.graphs) writer.message(11, graph(part))
    return finish('graphs')
  }
  return writer.message(22, sparseTensor(content.sparseTensor)) && finish('sparseTensor')
}

/** Integer types whose values stand in int32_data; int64 has its own field, uint32 and uint64 another. */
const INT32_DATA: readonly ElementType[] = [
  'int32',
  'int16',
  'int8',
  'uint16',
  'uint8',
  'bool',
  'float16',
  'bfloat16',
]

function tensor(definition: TensorDefinition): WireWriter {
  const { data, type } = definition
  const writer = new WireWriter().packedIntegers(1, definition.dims).integer(2, elementTypeCode(type))
  if ('floats' in data) writer.packedFloats(4, data.floats)
  if ('integers' in data) writer.packedIntegers(integerField(type), data.integers)
  if ('strings' in data) for (const text of data.strings) writer.text(6, text)
  if (definition.name !== undefined) writer.text(8, definition.name)
  if ('raw' in data) writer.bytes(9, data.raw)
  if ('external' in data) {
    for (const [key, content] of Object.entries(data.external)) writer.message(13, entry(key, content))
    writer.integer(14, 1)
  }
  return writer
}

function integerField(type: ElementType): number {
  if (INT32_DATA.includes(type)) return 5
  return type === 'int64' ? 7 : 11
}

function sparseTensor(definition: SparseTensorDefinition): WireWriter {
  return new WireWriter()
    .message(1, tensor(definition.values))
    .message(2, tensor(definition.indices))
    .packedIntegers(3, definition.dims)
}

function value(definition: ValueDefinition): WireWriter {
  const type = new WireWriter().integer(1, elementTypeCode(definition.type))
  if (definition.shape !== undefined) {
    const shape = new WireWriter()
    for (const dimension of definition.shape) {
      const part = new WireWriter()
      if (typeof dimension === 'number') part.integer(1, dimension)
      else part.text(2, dimension)
      shape.message(1, part)
    }
    type.message(2, shape)
  }
  const writer = new WireWriter().text(1, definition.name).message(2, new WireWriter().message(1, type))
  if (definition.docString !== undefined) writer.text(3, definition.docString)
  return writer
}

function opset(definition: OpsetDefinition): WireWriter {
  return new WireWriter().text(1, definition.domain).integer(2, definition.version)
}

function entry(key: string, content: string): WireWriter {
  return new WireWriter().text(1, key).text(2, content)
}
