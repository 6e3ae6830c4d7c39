import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from '../../../formats/index.ts'
import type { FindingList } from '../finding-list.ts'
import { standardName } from './operators.ts'
import { RESOURCE_BOMB } from './rules.ts'
import { elementsOf, HUGE_ELEMENTS } from './tensor-sizes.ts'

/** More turns of loops, nested ones multiplied, than a served model has time for. */
const HUGE_TRIPS = 100_000_000n
/** Sizes stop growing here: a tower of operators would make integers that are slow to multiply. */
const SIZE_CEILING = 2n ** 64n
/** How far back a size is followed; beyond that it is taken as unknown. */
const MAX_TRACE = 200

/**
 * Finds memory and time that the model asks for by constants alone. Sizes that are computed from the input cannot be
 * known here: the worker's limits on memory and time stand behind this check.
 */
export function checkBombs(model: OnnxModel, findings: FindingList): void {
  for (const graph of [
    model.graph,
    ...model.trainingInfo.flatMap((info) => [info.initialization, info.algorithm]),
  ]) {
    if (graph !== undefined) checkGraph(new Scope(graph, undefined), 1n, 'graph', findings)
  }
  for (const definition of model.functions) {
    const body: OnnxGraph = {
      name: definition.name,
      nodes: definition.nodes,
      initializers: [],
      sparseInitializers: [],
      inputs: [],
      outputs: [],
      valueInfos: [],
      metadata: [],
      offset: definition.offset,
    }
    checkGraph(new Scope(body, undefined), 1n, `function ${definition.domain}:${definition.name}`, findings)
  }
}

/** The names of a graph, and of the graphs around it. */
class Scope {
  readonly graph: OnnxGraph
  readonly #outer: Scope | undefined
  readonly #constants = new Map<string, OnnxTensor>()
  readonly #producers = new Map<string, OnnxNode>()
  readonly #sizes = new Map<string, bigint>()

  constructor(graph: OnnxGraph, outer: Scope | undefined) {
    this.graph = graph
    this.#outer = outer
    for (const tensor of graph.initializers) this.#constants.set(tensor.name, tensor)
    for (const node of graph.nodes) for (const name of node.outputs) this.#producers.set(name, node)
  }

  producer(name: string): OnnxNode | undefined {
    return this.#producers.get(name)
  }

  /** The integers of a constant, followed through Constant, Identity and Cast; undefined when it is not one. */
  integers(name: string, trace = 0): readonly bigint[] | undefined {
    if (name === '' || trace > MAX_TRACE) return undefined
    const constant = this.#constants.get(name)
    if (constant !== undefined) return integersOf(constant)
    const node = this.#producers.get(name)
    if (node === undefined) return this.#outer?.integers(name, trace + 1)
    if (node.opType === 'Constant') return constantIntegers(node)
    if (node.opType === 'Identity' || node.opType === 'Cast')
      return this.integers(node.inputs[0] ?? '', trace + 1)
    return undefined
  }

  /** A lower bound on the elements of a value, 1 when nothing is known. */
  size(name: string, trace = 0): bigint {
    const known = this.#sizes.get(name)
    if (known !== undefined) return known
    if (name === '' || trace > MAX_TRACE) return 1n
    const measured = this.#measure(name, trace)
    const size = measured < SIZE_CEILING ? measured : SIZE_CEILING
    this.#sizes.set(name, size)
    return size
  }

  #measure(name: string, trace: number): bigint {
    const constant = this.#constants.get(name)
    if (constant !== undefined) return elementsOf(constant.dims) ?? 1n
    const node = this.#producers.get(name)
    if (node === undefined) return this.#outer?.size(name, trace + 1) ?? 1n
    return sizeOfOutput(node, this, trace)
  }
}

function checkGraph(scope: Scope, trips: bigint, where: string, findings: FindingList): void {
  for (const [index, node] of scope.graph.nodes.entries()) {
    const place = `${where}/node ${index} (${node.opType})`
    for (const name of node.outputs) {
      const size = scope.size(name)
      if (size <= HUGE_ELEMENTS) continue
      findings.add(RESOURCE_BOMB, `a value of ${size} elements is made from constants`, at(place, node))
      break
    }
    let inner = trips
    if (node.opType === 'Loop' && standardName(node.domain) === '') {
      const turns = tripsOf(node, scope)
      if (turns === 'endless' || trips * turns > HUGE_TRIPS) {
        const count = turns === 'endless' ? 'without end' : `${trips * turns} times`
        findings.add(RESOURCE_BOMB, `a loop turns ${count}`, at(place, node))
      }
      inner = turns === 'endless' ? trips : trips * (turns > 0n ? turns : 1n)
    }
    for (const attribute of node.attributes) {
      for (const graph of attribute.graphs) {
        checkGraph(new Scope(graph, scope), inner, `${place}/${attribute.name}`, findings)
      }
    }
  }
}

function at(member: string, node: OnnxNode): { member: string; offset: number } {
  return { member, offset: node.offset }
}

/** Operators whose output has at least the elements of their largest input. */
const KEEPS_SIZE: ReadonlySet<string> = new Set(
  'Identity Cast Add Sub Mul Div Pow Where Relu Neg Abs Exp Log Sqrt Sigmoid Tanh Sin Cos Not Reshape Transpose Unsqueeze Squeeze Flatten'.split(
    ' ',
  ),
)

function sizeOfOutput(node: OnnxNode, scope: Scope, trace: number): bigint {
  if (standardName(node.domain) !== '') return 1n
  const input = (index: number): bigint => scope.size(node.inputs[index] ?? '', trace + 1)
  const product = (index: number): bigint => clampedProduct(scope.integers(node.inputs[index] ?? ''))
  switch (node.opType) {
    case 'ConstantOfShape':
      return product(0)
    case 'Expand':
      return larger(input(0), product(1))
    case 'Tile':
      return input(0) * product(1)
    case 'Range':
      return rangeSize(node, scope)
    case 'OneHot':
      return input(0) * product(1)
    case 'Pad':
      return padSize(node, scope)
    case 'Resize':
      return product(3)
    case 'RandomNormal':
    case 'RandomUniform':
    case 'ConstantFill':
      return clampedProduct(attribute(node, 'shape')?.integers)
    case 'Constant':
      return elementsOf(attribute(node, 'value')?.tensors[0]?.dims ?? []) ?? 1n
    case 'Concat':
      return node.inputs.reduce((sum, name) => sum + scope.size(name, trace + 1), 0n)
    default:
      if (!KEEPS_SIZE.has(node.opType)) return 1n
      return node.inputs.reduce((most, name) => larger(most, scope.size(name, trace + 1)), 1n)
  }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}

function clampedProduct(integers: readonly bigint[] | undefined): bigint {
  return integers === undefined ? 1n : larger(1n, elementsOf(integers) ?? 1n)
}

function rangeSize(node: OnnxNode, scope: Scope): bigint {
  const [start, limit, delta] = [0, 1, 2].map((index) => scope.integers(node.inputs[index] ?? '')?.[0])
  if (start === undefined || limit === undefined || delta === undefined || delta === 0n) return 1n
  return larger(1n, (limit - start) / delta)
}

function padSize(node: OnnxNode, scope: Scope): bigint {
  const pads = scope.integers(node.inputs[1] ?? '') ?? attribute(node, 'pads')?.integers ?? []
  return pads.reduce((most, pad) => larger(most, pad), 1n)
}

/** The most turns a loop takes: 1 when that depends on the input, `endless` when nothing can end it in time. */
function tripsOf(node: OnnxNode, scope: Scope): bigint | 'endless' {
  const [limit = '', condition = ''] = node.inputs
  const isUnconditional = condition === '' || (scope.integers(condition)?.[0] ?? 0n) !== 0n
  if (!isUnconditional || canBodyStop(node, scope)) return 1n
  if (limit === '') return 'endless'
  return scope.integers(limit)?.[0] ?? 1n
}

/** Whether the condition that a loop's body gives depends on anything. */
function canBodyStop(node: OnnxNode, outer: Scope): boolean {
  const body = attribute(node, 'body')?.graphs[0]
  if (body === undefined) return true
  const scope = new Scope(body, outer)
  const conditionIn = body.inputs[1]?.name
  let name = body.outputs[0]?.name ?? ''
  for (let trace = 0; trace < MAX_TRACE; trace++) {
    if (name === conditionIn) return false
    const value = scope.integers(name)?.[0]
    if (value !== undefined) return value === 0n
    const producer = scope.producer(name)
    if (producer?.opType !== 'Identity' && producer?.opType !== 'Cast') return true
    name = producer.inputs[0] ?? ''
  }
  return true
}

function attribute(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attributes.find((candidate) => candidate.name === name)
}

function constantIntegers(node: OnnxNode): readonly bigint[] | undefined {
  const tensor = attribute(node, 'value')?.tensors[0]
  if (tensor !== undefined) return integersOf(tensor)
  return (attribute(node, 'value_int') ?? attribute(node, 'value_ints'))?.integers
}

/** Shapes are short; a longer constant is not one. */
const MAX_INTEGERS = 1024

function integersOf(tensor: OnnxTensor): readonly bigint[] | undefined {
  if (tensor.raw === undefined) {
    return tensor.integers.length > 0 && tensor.integers.length === tensor.typedCount
      ? tensor.integers
      : undefined
  }
  const width = { int64: 8, int32: 4, bool: 1 }[tensor.elementType as string]
  if (width === undefined || tensor.raw.length > MAX_INTEGERS * width || tensor.raw.length % width !== 0)
    return undefined
  const bytes = Buffer.from(tensor.raw.buffer, tensor.raw.byteOffset, tensor.raw.length)
  const integers: bigint[] = []
  for (let offset = 0; offset < bytes.length; offset += width) {
    if (width === 8) integers.push(bytes.readBigInt64LE(offset))
    else integers.push(BigInt(width === 4 ? bytes.readInt32LE(offset) : bytes.readUInt8(offset)))
  }
  return integers
}
