import type { Anomaly } from '../anomaly.ts'
import {
  DEFAULT_WIRE_BUDGET,
  FIXED32,
  LENGTH,
  VARINT,
  type WireBudget,
  WireFile,
  type WireMessage,
} from '../protobuf/index.ts'
import { elementTypeOf } from './element-type.ts'
import {
  type OnnxAttribute,
  type OnnxEntry,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxOpset,
  type OnnxSparseTensor,
  type OnnxTensor,
  type OnnxTrainingInfo,
  type OnnxType,
  type OnnxValue,
  RETAINED_INTEGERS,
} from './model.ts'

export interface OnnxReading {
  readonly model: OnnxModel
  /** What a well-formed ONNX file does not have, in the order it stands in the file. */
  readonly anomalies: readonly Anomaly[]
  /** True when some of the bytes were not understood: nobody may call the file clean. */
  readonly isUnread: boolean
}

/**
 * Reads an ONNX model (ModelProto of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, field numbers from there)
 * without copying its weights. Never throws for what the bytes hold.
 *
 * A message that stands twice where one is allowed is merged, as protobuf's parsers do, so a second graph cannot hide;
 * it is noted as `repeated-field`. Fields that onnx.proto does not have are noted as `unknown-field`.
 */
export function readOnnx(bytes: Uint8Array, budget: WireBudget = DEFAULT_WIRE_BUDGET): OnnxReading {
  const file = new WireFile(bytes, budget)
  const model = readModel(file.root())
  return { model, anomalies: file.anomalies, isUnread: file.isUnread }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

function readModel(message: WireMessage): OnnxModel {
  const model: Writable<OnnxModel> = {
    irVersion: 0n,
    producerName: '',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    opsetImports: [],
    metadata: [],
    graph: undefined,
    functions: [],
    trainingInfo: [],
  }
  let graph: Writable<OnnxGraph> | undefined
  while (message.next()) {
    if (isField(message, 1, VARINT)) model.irVersion = message.int64()
    else if (isField(message, 2, LENGTH)) model.producerName = message.text()
    else if (isField(message, 3, LENGTH)) model.producerVersion = message.text()
    else if (isField(message, 4, LENGTH)) model.domain = message.text()
    else if (isField(message, 5, VARINT)) model.modelVersion = message.int64()
    else if (isField(message, 6, LENGTH))
      continue // doc_string
    else if (isField(message, 7, LENGTH)) graph = readGraph(message, graph)
    else if (isField(message, 8, LENGTH)) model.opsetImports.push(readOpset(message))
    else if (isField(message, 14, LENGTH)) model.metadata.push(readEntry(message))
    else if (isField(message, 20, LENGTH)) model.trainingInfo.push(readTrainingInfo(message))
    else if (isField(message, 25, LENGTH)) model.functions.push(readFunction(message))
    else if (isField(message, 26, LENGTH))
      continue // device configuration: names and numbers of devices
    else unknown(message, 'ModelProto')
  }
  model.graph = graph
  return model
}

function readOpset(parent: WireMessage): OnnxOpset {
  let domain = ''
  let version = 0n
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) domain = message.text()
    else if (isField(message, 2, VARINT)) version = message.int64()
    else unknown(message, 'OperatorSetIdProto')
  }
  return { domain, version }
}

function readEntry(parent: WireMessage): OnnxEntry {
  const entry: Writable<OnnxEntry> = { key: '', value: '', offset: parent.fieldOffset }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) entry.key = message.text()
    else if (isField(message, 2, LENGTH)) entry.value = message.text()
    else unknown(message, 'StringStringEntryProto')
  }
  return entry
}

function readTrainingInfo(parent: WireMessage): OnnxTrainingInfo {
  let initialization: Writable<OnnxGraph> | undefined
  let algorithm: Writable<OnnxGraph> | undefined
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) initialization = readGraph(message, initialization)
    else if (isField(message, 2, LENGTH)) algorithm = readGraph(message, algorithm)
    else if (isField(message, 3, LENGTH) || isField(message, 4, LENGTH)) readEntry(message)
    else unknown(message, 'TrainingInfoProto')
  }
  return { initialization, algorithm, offset: parent.fieldOffset }
}

/** Reads a graph, into `earlier` when the field stands for the second time: in place, as there may be many. */
function readGraph(parent: WireMessage, earlier?: Writable<OnnxGraph>): Writable<OnnxGraph> {
  if (earlier !== undefined) repeated(parent, 'a graph')
  const graph: Writable<OnnxGraph> = earlier ?? {
    name: '',
    nodes: [],
    initializers: [],
    sparseInitializers: [],
    inputs: [],
    outputs: [],
    valueInfos: [],
    metadata: [],
    offset: parent.fieldOffset,
  }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) graph.nodes.push(readNode(message))
    else if (isField(message, 2, LENGTH)) graph.name = message.text()
    else if (isField(message, 5, LENGTH)) graph.initializers.push(readTensor(message))
    else if (isField(message, 10, LENGTH))
      continue // doc_string
    else if (isField(message, 11, LENGTH)) graph.inputs.push(readValue(message))
    else if (isField(message, 12, LENGTH)) graph.outputs.push(readValue(message))
    else if (isField(message, 13, LENGTH)) graph.valueInfos.push(readValue(message))
    else if (isField(message, 14, LENGTH)) readQuantization(message)
    else if (isField(message, 15, LENGTH)) graph.sparseInitializers.push(readSparseTensor(message))
    else if (isField(message, 16, LENGTH)) graph.metadata.push(readEntry(message))
    else unknown(message, 'GraphProto')
  }
  return graph
}

/** Tensor names for quantisation parameters: nothing to decide by, but an unknown field may hide there. */
function readQuantization(parent: WireMessage): void {
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) continue
    if (isField(message, 2, LENGTH)) readEntry(message)
    else unknown(message, 'TensorAnnotation')
  }
}

function readFunction(parent: WireMessage): OnnxFunction {
  const definition: Writable<OnnxFunction> = {
    name: '',
    domain: '',
    overload: '',
    inputs: [],
    outputs: [],
    nodes: [],
    opsetImports: [],
    attributes: [],
    metadata: [],
    offset: parent.fieldOffset,
  }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) definition.name = message.text()
    else if (isField(message, 4, LENGTH)) definition.inputs.push(message.text())
    else if (isField(message, 5, LENGTH)) definition.outputs.push(message.text())
    else if (isField(message, 6, LENGTH))
      continue // names of attributes
    else if (isField(message, 7, LENGTH)) definition.nodes.push(readNode(message))
    else if (isField(message, 8, LENGTH))
      continue // doc_string
    else if (isField(message, 9, LENGTH)) definition.opsetImports.push(readOpset(message))
    else if (isField(message, 10, LENGTH)) definition.domain = message.text()
    else if (isField(message, 11, LENGTH)) definition.attributes.push(readAttribute(message))
    else if (isField(message, 12, LENGTH)) readValue(message)
    else if (isField(message, 13, LENGTH)) definition.overload = message.text()
    else if (isField(message, 14, LENGTH)) definition.metadata.push(readEntry(message))
    else unknown(message, 'FunctionProto')
  }
  return definition
}

function readNode(parent: WireMessage): OnnxNode {
  const node: Writable<OnnxNode> = {
    name: '',
    opType: '',
    domain: '',
    overload: '',
    inputs: [],
    outputs: [],
    attributes: [],
    metadata: [],
    offset: parent.fieldOffset,
  }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) node.inputs.push(message.text())
    else if (isField(message, 2, LENGTH)) node.outputs.push(message.text())
    else if (isField(message, 3, LENGTH)) node.name = message.text()
    else if (isField(message, 4, LENGTH)) node.opType = message.text()
    else if (isField(message, 5, LENGTH)) node.attributes.push(readAttribute(message))
    else if (isField(message, 6, LENGTH))
      continue // doc_string
    else if (isField(message, 7, LENGTH)) node.domain = message.text()
    else if (isField(message, 8, LENGTH)) node.overload = message.text()
    else if (isField(message, 9, LENGTH)) node.metadata.push(readEntry(message))
    else if (isField(message, 10, LENGTH))
      continue // device configuration
    else unknown(message, 'NodeProto')
  }
  return node
}

/** Every value of the attribute, whatever its `type` says: a loader may look at either. */
function readAttribute(parent: WireMessage): OnnxAttribute {
  const attribute: Writable<OnnxAttribute> = {
    name: '',
    integers: [],
    strings: [],
    tensors: [],
    sparseTensors: [],
    graphs: [],
    offset: parent.fieldOffset,
  }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) attribute.name = message.text()
    else if (isField(message, 2, FIXED32))
      continue // a float says nothing about safety
    else if (isField(message, 4, LENGTH) || isField(message, 9, LENGTH))
      keepString(message, attribute.strings)
    else if (isField(message, 5, LENGTH) || isField(message, 10, LENGTH))
      attribute.tensors.push(readTensor(message))
    else if (isField(message, 6, LENGTH) || isField(message, 11, LENGTH)) {
      attribute.graphs.push(readGraph(message))
    } else if (isField(message, 7, LENGTH, FIXED32))
      message.countFixed(4) // only that they are whole
    else if (isField(message, 3, VARINT) || isField(message, 8, LENGTH, VARINT)) {
      message.collectVarints(attribute.integers, RETAINED_INTEGERS)
    } else if (isField(message, 13, LENGTH) || isField(message, 20, VARINT))
      continue // doc_string, type
    else if (isField(message, 14, LENGTH) || isField(message, 15, LENGTH)) readType(message)
    else if (isField(message, 21, LENGTH))
      continue // ref_attr_name
    else if (isField(message, 22, LENGTH) || isField(message, 23, LENGTH)) {
      attribute.sparseTensors.push(readSparseTensor(message))
    } else unknown(message, 'AttributeProto')
  }
  return attribute
}

/** A retained string costs memory beyond its bytes, so each counts as a message. */
function keepString(message: WireMessage, strings: Uint8Array[]): void {
  if (message.file.spendMessage(message.fieldOffset)) strings.push(message.value())
}

const EXTERNAL = 1

function readTensor(parent: WireMessage, earlier?: OnnxTensor): OnnxTensor {
  const tensor: Writable<OnnxTensor> = {
    name: '',
    dims: [],
    elementType: 'undefined',
    dataType: 0,
    raw: undefined,
    integers: [],
    typedCount: 0,
    strings: [],
    isExternal: false,
    externalData: [],
    offset: parent.fieldOffset,
  }
  if (earlier !== undefined) Object.assign(tensor, earlier)
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH, VARINT)) keepDimensions(message, tensor.dims)
    else if (isField(message, 2, VARINT)) tensor.dataType = message.int32()
    else if (isField(message, 3, LENGTH)) readSegment(message)
    else if (isField(message, 4, LENGTH, FIXED32)) tensor.typedCount += message.countFixed(4)
    else if (
      isField(message, 5, LENGTH, VARINT) ||
      isField(message, 7, LENGTH, VARINT) ||
      isField(message, 11, LENGTH, VARINT)
    )
      tensor.typedCount += message.collectVarints(tensor.integers, RETAINED_INTEGERS)
    else if (isField(message, 6, LENGTH)) keepString(message, tensor.strings)
    else if (isField(message, 8, LENGTH)) tensor.name = message.text()
    else if (isField(message, 9, LENGTH)) tensor.raw = message.value()
    else if (isField(message, 10, LENGTH, 1)) tensor.typedCount += message.countFixed(8)
    else if (isField(message, 12, LENGTH))
      continue // doc_string
    else if (isField(message, 13, LENGTH)) tensor.externalData.push(readEntry(message))
    else if (isField(message, 14, VARINT)) tensor.isExternal = message.int32() === EXTERNAL
    else if (isField(message, 16, LENGTH)) readEntry(message)
    else unknown(message, 'TensorProto')
  }
  tensor.elementType = elementTypeOf(tensor.dataType)
  return tensor
}

const MAX_RANK = 64

function keepDimensions(message: WireMessage, dims: bigint[]): void {
  const before = dims.length
  if (before + message.collectVarints(dims, MAX_RANK) > MAX_RANK) {
    message.file.note('too-many-dimensions', `a tensor has more than ${MAX_RANK}`, message.fieldOffset, true)
  }
}

/** Parts of a tensor spread over several messages: specified, and written or read by nothing. */
function readSegment(message: WireMessage): void {
  message.file.note('segmented-tensor', 'a tensor is a segment of another', message.fieldOffset, true)
}

function readSparseTensor(parent: WireMessage): OnnxSparseTensor {
  const sparse: Writable<OnnxSparseTensor> = {
    values: undefined,
    indices: undefined,
    dims: [],
    offset: parent.fieldOffset,
  }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) sparse.values = mergeTensor(message, sparse.values)
    else if (isField(message, 2, LENGTH)) sparse.indices = mergeTensor(message, sparse.indices)
    else if (isField(message, 3, LENGTH, VARINT)) {
      keepDimensions(message, sparse.dims)
    } else unknown(message, 'SparseTensorProto')
  }
  return sparse
}

function mergeTensor(message: WireMessage, earlier: OnnxTensor | undefined): OnnxTensor {
  if (earlier !== undefined) repeated(message, 'a tensor')
  return readTensor(message, earlier)
}

function readValue(parent: WireMessage): OnnxValue {
  const value: Writable<OnnxValue> = { name: '', type: { kind: 'none' }, offset: parent.fieldOffset }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) value.name = message.text()
    else if (isField(message, 2, LENGTH)) value.type = readType(message)
    else if (isField(message, 3, LENGTH))
      continue // doc_string
    else if (isField(message, 4, LENGTH)) readEntry(message)
    else unknown(message, 'ValueInfoProto')
  }
  return value
}

function readType(parent: WireMessage): OnnxType {
  let type: OnnxType = { kind: 'none' }
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) type = readTensorType(message, 'tensor')
    else if (isField(message, 4, LENGTH)) type = readContainerType(message, 'sequence')
    else if (isField(message, 5, LENGTH)) type = readContainerType(message, 'map')
    else if (isField(message, 6, LENGTH))
      continue // denotation
    else if (isField(message, 7, LENGTH)) type = { kind: 'opaque' }
    else if (isField(message, 8, LENGTH)) type = readTensorType(message, 'sparse-tensor')
    else if (isField(message, 9, LENGTH)) type = readContainerType(message, 'optional')
    else unknown(message, 'TypeProto')
  }
  return type
}

/** What is inside a container says nothing that is decided by, but is read so that nothing can hide there. */
function readContainerType(parent: WireMessage, kind: 'sequence' | 'map' | 'optional'): OnnxType {
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, kind === 'map' ? 2 : 1, LENGTH)) readType(message)
    else if (kind === 'map' && isField(message, 1, VARINT))
      continue // the key's element type
    else unknown(message, 'TypeProto')
  }
  return { kind }
}

function readTensorType(parent: WireMessage, kind: 'tensor' | 'sparse-tensor'): OnnxType {
  let code = 0
  let shape: (bigint | string | undefined)[] | undefined
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, VARINT)) code = message.int32()
    else if (isField(message, 2, LENGTH)) {
      shape ??= []
      readShape(message, shape)
    } else unknown(message, 'TypeProto.Tensor')
  }
  return { kind, elementType: elementTypeOf(code), shape }
}

function readShape(parent: WireMessage, shape: (bigint | string | undefined)[]): void {
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, LENGTH)) shape.push(readDimension(message))
    else unknown(message, 'TensorShapeProto')
  }
}

function readDimension(parent: WireMessage): bigint | string | undefined {
  let dimension: bigint | string | undefined
  const message = parent.message()
  while (message?.next()) {
    if (isField(message, 1, VARINT)) dimension = message.int64()
    else if (isField(message, 2, LENGTH)) dimension = message.text()
    else if (isField(message, 3, LENGTH))
      continue // denotation
    else unknown(message, 'TensorShapeProto.Dimension')
  }
  return dimension
}

/** A field under another wire type than its own is an unknown field to protobuf's parsers, and so it is here. */
function isField(message: WireMessage, field: number, wireType: number, otherwise = wireType): boolean {
  return message.fieldNumber === field && (message.wireType === wireType || message.wireType === otherwise)
}

function unknown(message: WireMessage, where: string): void {
  message.file.note(
    'unknown-field',
    `${where} has no field ${message.fieldNumber} of wire type ${message.wireType}`,
    message.fieldOffset,
    false,
  )
}

function repeated(message: WireMessage, what: string): void {
  message.file.note('repeated-field', `${what} stands twice where one is allowed`, message.fieldOffset, false)
}
