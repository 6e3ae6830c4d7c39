import type { OnnxFunction, OnnxModel, OnnxNode } from '../../../formats/index.ts'
import type { FindingList } from '../finding-list.ts'
import { isKnownDomain, isKnownOperator, standardName } from './operators.ts'
import { FUNCTION_RECURSION, FUNCTION_SHADOW, RESOURCE_BOMB } from './rules.ts'

/** Runtimes inline functions, so what counts is the size of the model after that. */
const MAX_INLINED_NODES = 1_000_000

export function functionKey(domain: string, name: string): string {
  return `${standardName(domain)}:${name}`
}

/** Functions that stand in the model itself: they may take an operator's name, call themselves, or multiply. */
export function checkFunctions(model: OnnxModel, findings: FindingList): void {
  const functions = new Map(model.functions.map((each) => [functionKey(each.domain, each.name), each]))
  for (const definition of model.functions) {
    const place = { member: `function ${definition.domain}:${definition.name}`, offset: definition.offset }
    const isOperator = isKnownOperator(definition.domain, definition.name)
    if (isOperator || isKnownDomain(definition.domain)) {
      const message = isOperator
        ? 'a function takes the place of an operator'
        : 'a function stands in a reserved domain'
      findings.add(FUNCTION_SHADOW, message, place, functionKey(definition.domain, definition.name))
    }
  }
  const inlined = new InlinedSizes(functions)
  for (const definition of model.functions) {
    const place = { member: `function ${definition.domain}:${definition.name}`, offset: definition.offset }
    const size = inlined.of(definition)
    if (size === 'recursive') findings.add(FUNCTION_RECURSION, 'a function calls itself', place)
    else if (size > MAX_INLINED_NODES) findings.add(RESOURCE_BOMB, `a function becomes ${size} nodes`, place)
  }
}

const MAX_CALL_DEPTH = 100

class InlinedSizes {
  readonly #functions: ReadonlyMap<string, OnnxFunction>
  readonly #sizes = new Map<OnnxFunction, number | 'recursive'>()
  readonly #open = new Set<OnnxFunction>()

  constructor(functions: ReadonlyMap<string, OnnxFunction>) {
    this.#functions = functions
  }

  of(definition: OnnxFunction): number | 'recursive' {
    const known = this.#sizes.get(definition)
    if (known !== undefined) return known
    // A chain of calls that is longer than any real one is treated as one without end.
    if (this.#open.has(definition) || this.#open.size > MAX_CALL_DEPTH) return 'recursive'
    this.#open.add(definition)
    const size = this.#sum(definition.nodes)
    this.#open.delete(definition)
    this.#sizes.set(definition, size)
    return size
  }

  #sum(nodes: readonly OnnxNode[]): number | 'recursive' {
    let total = 0
    for (const node of nodes) {
      const called = this.#functions.get(functionKey(node.domain, node.opType))
      const own = called === undefined ? 1 : this.of(called)
      if (own === 'recursive') return own
      total += own
      for (const graph of node.attributes.flatMap((attribute) => attribute.graphs)) {
        const inner = this.#sum(graph.nodes)
        if (inner === 'recursive') return inner
        total += inner
      }
    }
    return total
  }
}
