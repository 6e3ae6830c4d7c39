import type { ModelSchema, Tensor } from '../../core/index.ts'
import { CompiledInput, type Mismatch } from './compiled-input.ts'

/** What is safe to repeat of a name that a client made up: an identifier, not a text. */
const REPEATABLE_NAME = /^[A-Za-z0-9_.:/-]{1,64}$/

/** A model's declared inputs, prepared for checking requests against them. */
export class CompiledSchema {
  readonly #inputs: readonly CompiledInput[]
  readonly #byName: ReadonlyMap<string, CompiledInput>

  constructor(schema: ModelSchema) {
    this.#inputs = schema.inputs.map((input) => new CompiledInput(input))
    this.#byName = new Map(this.#inputs.map((input) => [input.name, input]))
  }

  /** The first mismatch in the order of the request, or undefined when every tensor is what the model declares. */
  check(tensors: readonly Tensor[]): Mismatch | undefined {
    let batch: number | undefined
    let isInOrder = tensors.length === this.#inputs.length
    for (let index = 0; index < tensors.length; index++) {
      const tensor = tensors[index]
      if (tensor === undefined) continue
      // Clients send inputs in the declared order, nearly always.
      const expected = this.#inputs[index]
      let input = expected
      if (input?.name !== tensor.name) {
        isInOrder = false
        input = this.#byName.get(tensor.name)
        if (input === undefined) return this.#unknown(tensor.name, index)
      }
      const mismatch = input.check(tensor)
      if (mismatch !== undefined) return mismatch
      const size = input.batchOf(tensor)
      if (size === undefined) continue
      if (batch !== undefined && batch !== size) return differentBatch(input.name)
      batch = size
    }
    return isInOrder ? undefined : this.#checkNames(tensors)
  }

  /** Whether the tensors, all of them known, are each declared input exactly once. */
  #checkNames(tensors: readonly Tensor[]): Mismatch | undefined {
    const given = new Map<string, number>()
    for (const { name } of tensors) given.set(name, (given.get(name) ?? 0) + 1)
    for (const { name } of this.#inputs) {
      if (!given.has(name)) {
        return { rule: 'input-schema.missing', input: name, message: `input '${name}' is missing` }
      }
    }
    for (const [name, count] of given) {
      if (count > 1) {
        return { rule: 'input-schema.unknown', input: name, message: `input '${name}' is given twice` }
      }
    }
    return undefined
  }

  #unknown(name: string, index: number): Mismatch {
    const which = REPEATABLE_NAME.test(name) ? `input '${name}'` : `the input at position ${index}`
    const taken = this.#inputs.map((input) => `'${input.name}'`).join(', ')
    return { rule: 'input-schema.unknown', message: `${which} is not one that the model takes: ${taken}` }
  }
}

function differentBatch(name: string): Mismatch {
  const message = `input '${name}' has another first dimension (batch size) than the inputs before it`
  return { rule: 'input-schema.shape', input: name, message }
}
