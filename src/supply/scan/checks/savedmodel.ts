import { LENGTH, VARINT, WireFile, type WireMessage } from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { judgeOperation } from './tensorflow-operations.ts'

interface GraphNode {
  readonly name: string
  readonly operation: string
  readonly inputs: readonly string[]
  readonly texts: readonly string[]
  readonly offset: number
}

/** One graph or one function: node names are its own. */
interface Graph {
  readonly label: string
  readonly nodes: Map<string, GraphNode>
}

interface Gathered {
  readonly graphs: Graph[]
  readonly functions: Set<string>
  readonly assets: string[]
}

/**
 * Reads bytes as a SavedModel (saved_model.proto) or a bare GraphDef and judges every operation of the graph, of the
 * function library and of every further meta graph. False where the bytes are neither.
 */
export function checkSavedModel(
  blob: Blob,
  bytes: Uint8Array,
  isNamed: boolean,
  context: CheckContext,
): boolean {
  const asSavedModel = gather(bytes, 'saved-model')
  const asGraph = gather(bytes, 'graph')
  const readings = [asSavedModel, asGraph].filter((reading) =>
    reading.gathered.graphs.some((graph) => looksReal(graph)),
  )
  if (readings.length === 0) {
    if (isNamed && asSavedModel.isUnread && asGraph.isUnread) {
      context.examination.report('content.unread', blob, {
        message: 'the file is not the protobuf message it is named as',
      })
    }
    return false
  }
  for (const { gathered, isUnread } of readings) {
    judge(blob, gathered, context)
    if (isUnread && readings.length === 1) {
      context.examination.report('content.unread', blob, { message: 'parts of the graph could not be read' })
    }
  }
  return true
}

/** Real operations are named by identifiers. */
function looksReal(graph: Graph): boolean {
  const nodes = [...graph.nodes.values()]
  return nodes.length > 0 && nodes.every((node) => /^[A-Za-z_][\w>/.-]*$/.test(node.operation))
}

function gather(bytes: Uint8Array, kind: 'saved-model' | 'graph'): { gathered: Gathered; isUnread: boolean } {
  const file = new WireFile(bytes)
  const gathered: Gathered = { graphs: [], functions: new Set(), assets: [] }
  const root = file.root()
  if (kind === 'graph') readGraph(root, 'graph', gathered)
  else {
    let index = 0
    while (root.next()) {
      if (root.fieldNumber === 2 && root.wireType === LENGTH)
        readMetaGraph(root, `meta graph ${index++}`, gathered)
    }
  }
  return { gathered, isUnread: file.isUnread }
}

function readMetaGraph(parent: WireMessage, label: string, gathered: Gathered): void {
  const message = parent.message()
  while (message?.next()) {
    if (message.wireType !== LENGTH) continue
    if (message.fieldNumber === 2) {
      const graph = message.message()
      if (graph !== undefined) readGraph(graph, label, gathered)
    } else if (message.fieldNumber === 6) {
      const asset = message.message()
      while (asset?.next())
        if (asset.fieldNumber === 2 && asset.wireType === LENGTH) gathered.assets.push(asset.text())
    }
  }
}

function readGraph(message: WireMessage, label: string, gathered: Gathered): void {
  const nodes = new Map<string, GraphNode>()
  gathered.graphs.push({ label, nodes })
  while (message.next()) {
    if (message.wireType !== LENGTH) continue
    if (message.fieldNumber === 1) readNode(message, nodes)
    else if (message.fieldNumber === 2) readLibrary(message, gathered)
  }
}

function readLibrary(parent: WireMessage, gathered: Gathered): void {
  const library = parent.message()
  while (library?.next()) {
    if (library.fieldNumber !== 1 || library.wireType !== LENGTH) continue
    const body = library.message()
    const nodes = new Map<string, GraphNode>()
    let name = '?'
    while (body?.next()) {
      if (body.wireType !== LENGTH) continue
      if (body.fieldNumber === 1) {
        const signature = body.message()
        while (signature?.next())
          if (signature.fieldNumber === 1 && signature.wireType === LENGTH) name = signature.text()
      } else if (body.fieldNumber === 3) readNode(body, nodes)
    }
    gathered.functions.add(name)
    gathered.graphs.push({ label: `function ${name}`, nodes })
  }
}

function readNode(parent: WireMessage, nodes: Map<string, GraphNode>): void {
  const offset = parent.fieldOffset
  const message = parent.message()
  let name = ''
  let operation = ''
  const inputs: string[] = []
  const texts: string[] = []
  while (message?.next()) {
    if (message.wireType !== LENGTH) continue
    if (message.fieldNumber === 1) name = message.text()
    else if (message.fieldNumber === 2) operation = message.text()
    else if (message.fieldNumber === 3) inputs.push(message.text())
    else if (message.fieldNumber === 5) readAttribute(message, texts)
  }
  // Nodes of one name would hide each other.
  const key = nodes.has(name) ? `${name}#${offset}` : name
  nodes.set(key, { name, operation, inputs, texts, offset })
}

/** The texts of a constant: AttrValue.tensor (8) holds string_val (8); AttrValue.s is 2. */
function readAttribute(parent: WireMessage, texts: string[]): void {
  const entry = parent.message()
  while (entry?.next()) {
    if (entry.fieldNumber !== 2 || entry.wireType !== LENGTH) continue
    const value = entry.message()
    while (value?.next()) {
      if (value.wireType !== LENGTH || value.fieldNumber !== 8) continue
      const tensor = value.message()
      while (tensor?.next()) {
        if (tensor.fieldNumber === 8 && tensor.wireType === LENGTH && texts.length < 100)
          texts.push(tensor.text())
      }
    }
  }
}

function judge(blob: Blob, gathered: Gathered, context: CheckContext): void {
  const { examination } = context
  for (const graph of gathered.graphs) {
    for (const node of graph.nodes.values()) {
      if (gathered.functions.has(node.operation)) continue
      const kind = judgeOperation(node.operation)
      const where = `${node.operation} in ${graph.label}`
      if (kind === 'unsafe') {
        const message = `the operation ${where} reaches outside of the graph`
        examination.report('savedmodel.unsafe-operation', blob, {
          message,
          offset: node.offset,
          evidence: node.name,
        })
      } else if (kind === 'unknown') {
        const message = `the operation ${where} is not known`
        examination.report('savedmodel.unknown-operation', blob, {
          message,
          offset: node.offset,
          evidence: node.name,
        })
      } else if (kind === 'checkpoint' && isFixedPath(node, graph)) {
        const message = `the operation ${where} has a file name of its own instead of the caller's`
        examination.report('savedmodel.unsafe-operation', blob, {
          message,
          offset: node.offset,
          evidence: node.name,
        })
      }
    }
  }
  for (const asset of gathered.assets) {
    if (/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(asset)) {
      examination.report('archive.path-escape', blob, {
        message: 'an asset lies outside of the model',
        evidence: asset,
      })
    }
  }
}

/** True where the file name comes from constants alone: in a saver of TensorFlow's own it is what the caller gives. */
function isFixedPath(node: GraphNode, graph: Graph): boolean {
  const open = [node.inputs[0] ?? '']
  const seen = new Set<string>()
  let hasText = false
  for (let input = open.pop(); input !== undefined; input = open.pop()) {
    const source = graph.nodes.get(input.replace(/^\^/, '').replace(/:.*$/, ''))
    if (source === undefined || seen.has(source.name)) {
      if (source === undefined) return false
      continue
    }
    seen.add(source.name)
    if (/^Placeholder/.test(source.operation)) return false
    if (source.operation === 'Const') hasText ||= source.texts.some((text) => text !== '')
    else open.push(...source.inputs)
  }
  return hasText
}

/** The text form of a SavedModel: every `op` of it, wherever it stands. False where there is none. */
export function checkSavedModelText(blob: Blob, text: string, context: CheckContext): boolean {
  const functions = new Set<string>()
  const operations: { name: string; offset: number }[] = []
  // Text format joins adjacent strings and knows C escapes (protobuf text-format specification).
  const field = /\b(op|name)\s*:\s*((?:(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*)+)/g
  for (const match of text.matchAll(field)) {
    const value = textValue(match[2] ?? '')
    if (match[1] === 'op') operations.push({ name: value, offset: match.index })
    else functions.add(value)
  }
  if (operations.length === 0) return false
  for (const operation of operations) {
    const kind = judgeOperation(operation.name)
    if (kind === 'unsafe') {
      const message = `the operation ${operation.name} reaches outside of the graph`
      context.examination.report('savedmodel.unsafe-operation', blob, { message, offset: operation.offset })
    } else if (kind === 'unknown' && !functions.has(operation.name)) {
      const message = `the operation ${operation.name} is not known`
      context.examination.report('savedmodel.unknown-operation', blob, { message, offset: operation.offset })
    }
  }
  return true
}

function textValue(literals: string): string {
  let value = ''
  for (const [, double, single] of literals.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g)) {
    value += (double ?? single ?? '').replaceAll(
      /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g,
      (_all, hex?: string, octal?: string, plain?: string) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
        return plain ?? ''
      },
    )
  }
  return value
}

const COREML_CUSTOM_LAYER = 500
const COREML_NETWORKS = new Set([303, 403, 500])
const COREML_PIPELINES = new Set([200, 201, 202])

/** Core ML (Model.proto): custom models, custom layers and models that lie elsewhere. False where it is no such model. */
export function checkCoreMl(blob: Blob, bytes: Uint8Array, isNamed: boolean, context: CheckContext): boolean {
  const file = new WireFile(bytes)
  const isCoreMl = readCoreMl(file.root(), blob, context, isNamed, 0)
  if (isCoreMl && file.isUnread) {
    context.examination.report('content.unread', blob, { message: 'parts of the model could not be read' })
  }
  return isCoreMl
}

function readCoreMl(
  model: WireMessage,
  blob: Blob,
  context: CheckContext,
  isNamed: boolean,
  depth: number,
): boolean {
  const sightings: { message: string; offset: number }[] = []
  let hasVersion = false
  let hasModel = false
  while (model.next()) {
    const field = model.fieldNumber
    if (field === 1 && model.wireType === VARINT) hasVersion = true
    if (model.wireType !== LENGTH || field < 200) continue
    hasModel = true
    if (field === 555)
      sightings.push({ message: 'the model is a class of the app that loads it', offset: model.fieldOffset })
    if (field === 556)
      sightings.push({ message: 'the model is kept in another file', offset: model.fieldOffset })
    if (COREML_NETWORKS.has(field)) readNetwork(model, sightings)
    if (COREML_PIPELINES.has(field) && depth < 8) readPipeline(model, blob, context, depth)
  }
  if (!(hasModel && (hasVersion || isNamed))) return false
  for (const sighting of sightings) context.examination.report('coreml.custom-code', blob, sighting)
  return true
}

function readNetwork(parent: WireMessage, sightings: { message: string; offset: number }[]): void {
  const network = parent.message()
  while (network?.next()) {
    if (network.fieldNumber !== 1 || network.wireType !== LENGTH) continue
    const layer = network.message()
    while (layer?.next()) {
      if (layer.fieldNumber === COREML_CUSTOM_LAYER && layer.wireType === LENGTH) {
        sightings.push({ message: 'a layer is a class of the app that loads it', offset: layer.fieldOffset })
      }
    }
  }
}

/** Pipelines hold models; classifiers and regressors hold a pipeline. */
function readPipeline(parent: WireMessage, blob: Blob, context: CheckContext, depth: number): void {
  const pipeline = parent.message()
  while (pipeline?.next()) {
    if (pipeline.fieldNumber !== 1 || pipeline.wireType !== LENGTH) continue
    const inner = pipeline.message()
    if (inner !== undefined && !readCoreMl(inner, blob, context, false, depth + 1)) {
      const again = pipeline.message()
      while (again?.next()) {
        if (again.fieldNumber !== 1 || again.wireType !== LENGTH) continue
        const model = again.message()
        if (model !== undefined) readCoreMl(model, blob, context, true, depth + 1)
      }
    }
  }
}
