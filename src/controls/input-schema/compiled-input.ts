import type { Datatype, Tensor, TensorSchema } from '../../core/index.ts'

/** Why a tensor is not what the model declares. `message` names the input and the place, never a value. */
export interface Mismatch {
  readonly rule: `input-schema.${'missing' | 'unknown' | 'datatype' | 'shape' | 'range' | 'category'}`
  readonly message: string
  /** The declared input concerned; absent when the request brought one that the model does not take. */
  readonly input?: string
}

/** One declared input, prepared so that a check allocates nothing unless it fails. */
export class CompiledInput {
  readonly name: string
  readonly #datatype: Datatype
  readonly #shape: readonly number[]
  readonly #categories: ReadonlySet<string> | undefined
  readonly #isRanged: boolean
  readonly #minimum: number
  readonly #maximum: number
  /** The bounds for 64-bit integers, which a number cannot hold exactly. */
  readonly #minimumInteger: bigint | undefined
  readonly #maximumInteger: bigint | undefined

  constructor(schema: TensorSchema) {
    this.name = schema.name
    this.#datatype = schema.datatype
    this.#shape = schema.shape
    this.#categories = schema.categories === undefined ? undefined : new Set(schema.categories)
    this.#isRanged = schema.minimum !== undefined || schema.maximum !== undefined
    const { minimum, maximum } = schema
    this.#minimum = minimum === undefined ? -Number.MAX_VALUE : representable(minimum, schema.datatype)
    this.#maximum = maximum === undefined ? Number.MAX_VALUE : representable(maximum, schema.datatype)
    const isWide = schema.datatype === 'INT64' || schema.datatype === 'UINT64'
    this.#minimumInteger = isWide && minimum !== undefined ? BigInt(Math.ceil(minimum)) : undefined
    this.#maximumInteger = isWide && maximum !== undefined ? BigInt(Math.floor(maximum)) : undefined
  }

  /** The size of the first dimension where the schema leaves it free: the batch, which all inputs must share. */
  batchOf(tensor: Tensor): number | undefined {
    return this.#shape[0] === -1 ? tensor.shape[0] : undefined
  }

  check(tensor: Tensor): Mismatch | undefined {
    if (tensor.datatype !== this.#datatype) {
      return this.#mismatch('datatype', `must be ${this.#datatype}, not ${tensor.datatype}`)
    }
    const shape = this.#checkShape(tensor.shape)
    if (shape !== undefined) return shape
    if (this.#categories !== undefined) return this.#checkCategories(tensor, this.#categories)
    if (this.#isRanged) return this.#checkRange(tensor)
    return undefined
  }

  #checkShape(shape: readonly number[]): Mismatch | undefined {
    const declared = this.#shape
    let fits = shape.length === declared.length
    for (let index = 0; fits && index < declared.length; index++) {
      const size = shape[index] ?? 0
      fits = declared[index] === -1 ? size >= 1 : size === declared[index]
    }
    if (fits) return undefined
    return this.#mismatch(
      'shape',
      `must have shape [${declared.join(',')}] (-1: any size from 1), not [${shape.join(',')}]`,
    )
  }

  #checkCategories(tensor: Tensor, categories: ReadonlySet<string>): Mismatch | undefined {
    const { data } = tensor
    for (let index = 0; index < data.length; index++) {
      const element = data[index]
      if (typeof element === 'string' && categories.has(element)) continue
      const place = `element ${index} is not one of its ${categories.size} categories`
      return this.#mismatch('category', `${place}; see the model's metadata for them`)
    }
    return undefined
  }

  #checkRange(tensor: Tensor): Mismatch | undefined {
    const { data } = tensor
    const isHalf = tensor.datatype === 'FP16'
    for (let index = 0; index < data.length; index++) {
      const element = data[index]
      if (typeof element === 'number') {
        const value = isHalf ? halfToNumber(element) : element
        // NaN, which compares with nothing, and the infinities are outside of every range.
        if (value >= this.#minimum && value <= this.#maximum) continue
        if (!Number.isFinite(value)) return this.#mismatch('range', `element ${index} is not a finite number`)
        return this.#outOfRange(index, value < this.#minimum)
      }
      if (typeof element === 'bigint') {
        if (this.#minimumInteger !== undefined && element < this.#minimumInteger) {
          return this.#outOfRange(index, true)
        }
        if (this.#maximumInteger !== undefined && element > this.#maximumInteger) {
          return this.#outOfRange(index, false)
        }
      }
    }
    return undefined
  }

  #outOfRange(index: number, isBelow: boolean): Mismatch {
    const bound = isBelow ? `below its minimum ${this.#minimum}` : `above its maximum ${this.#maximum}`
    return this.#mismatch('range', `element ${index} is ${bound}`)
  }

  #mismatch(rule: 'datatype' | 'shape' | 'range' | 'category', complaint: string): Mismatch {
    return { rule: `input-schema.${rule}`, input: this.name, message: `input '${this.name}' ${complaint}` }
  }
}

/** A bound as the nearest value of the datatype: 0.1 as FP32 is a little above 0.1 and yet within a maximum of 0.1. */
function representable(bound: number, datatype: Datatype): number {
  if (datatype === 'FP32') return Math.fround(bound)
  if (datatype === 'FP16') return Math.f16round(bound)
  return bound
}

const halfBits = new Uint16Array(1)
const half = new Float16Array(halfBits.buffer)

function halfToNumber(bits: number): number {
  halfBits[0] = bits
  return half[0] ?? Number.NaN
}
