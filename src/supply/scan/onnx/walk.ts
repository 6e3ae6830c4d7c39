import type {
  OnnxAttribute,
  OnnxEntry,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxSparseTensor,
  OnnxTensor,
} from '../../../formats/index.ts'

/** Something in a model and where it stands, such as `graph/node 3 (Loop)/body/initializer weights`. */
export interface Placed<T> {
  readonly part: T
  readonly where: string
}

export interface ModelParts {
  /** Graphs at every depth. */
  readonly graphs: Placed<OnnxGraph>[]
  /** Nodes of graphs and functions, at every depth. */
  readonly nodes: Placed<OnnxNode>[]
  /** Every tensor, of initializers, sparse initializers, attributes and defaults of functions. */
  readonly tensors: Placed<OnnxTensor>[]
  readonly sparseTensors: Placed<OnnxSparseTensor>[]
  readonly attributes: Placed<OnnxAttribute>[]
  readonly metadata: Placed<OnnxEntry>[]
}

/** Lists every part of a model wherever it stands: what holds for one place of a tensor holds for all. */
export function partsOf(model: OnnxModel): ModelParts {
  const parts: ModelParts = {
    graphs: [],
    nodes: [],
    tensors: [],
    sparseTensors: [],
    attributes: [],
    metadata: [],
  }
  addAll(parts.metadata, model.metadata, 'model')
  if (model.graph !== undefined) addGraph(parts, model.graph, 'graph')
  for (const [index, info] of model.trainingInfo.entries()) {
    if (info.initialization !== undefined)
      addGraph(parts, info.initialization, `training ${index}/initialization`)
    if (info.algorithm !== undefined) addGraph(parts, info.algorithm, `training ${index}/algorithm`)
  }
  for (const definition of model.functions) {
    const where = `function ${definition.domain}:${definition.name}`
    addAll(parts.metadata, definition.metadata, where)
    addNodes(parts, definition.nodes, where)
    addAttributes(parts, definition.attributes, where)
  }
  return parts
}

function addAll<T>(list: Placed<T>[], items: readonly T[], where: string): void {
  for (const part of items) list.push({ part, where })
}

function addGraph(parts: ModelParts, graph: OnnxGraph, where: string): void {
  parts.graphs.push({ part: graph, where })
  addAll(parts.metadata, graph.metadata, where)
  for (const tensor of graph.initializers) {
    parts.tensors.push({ part: tensor, where: `${where}/initializer ${tensor.name}` })
  }
  for (const sparse of graph.sparseInitializers) addSparse(parts, sparse, `${where}/sparse initializer`)
  addNodes(parts, graph.nodes, where)
}

function addNodes(parts: ModelParts, nodes: readonly OnnxNode[], where: string): void {
  for (const [index, node] of nodes.entries()) {
    const place = `${where}/node ${index} (${node.opType})`
    parts.nodes.push({ part: node, where: place })
    addAll(parts.metadata, node.metadata, place)
    addAttributes(parts, node.attributes, place)
  }
}

function addAttributes(parts: ModelParts, attributes: readonly OnnxAttribute[], where: string): void {
  for (const attribute of attributes) {
    const place = `${where}/${attribute.name}`
    parts.attributes.push({ part: attribute, where: place })
    addAll(parts.tensors, attribute.tensors, place)
    for (const sparse of attribute.sparseTensors) addSparse(parts, sparse, place)
    for (const graph of attribute.graphs) addGraph(parts, graph, place)
  }
}

function addSparse(parts: ModelParts, sparse: OnnxSparseTensor, where: string): void {
  parts.sparseTensors.push({ part: sparse, where })
  if (sparse.values !== undefined) parts.tensors.push({ part: sparse.values, where })
  if (sparse.indices !== undefined) parts.tensors.push({ part: sparse.indices, where })
}
