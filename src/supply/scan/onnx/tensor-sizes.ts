import { bitsOf, type OnnxSparseTensor, type OnnxTensor } from '../../../formats/index.ts'
import type { FindingList } from '../finding-list.ts'
import { RESOURCE_BOMB, TENSOR_MISMATCH } from './rules.ts'
import type { Placed } from './walk.ts'

/** A quarter of a milliard elements, 1 GiB of floats: no model makes so much from constants alone. */
export const HUGE_ELEMENTS = 2n ** 28n

/** The product of dimensions; undefined when one is negative. */
export function elementsOf(dims: readonly bigint[]): bigint | undefined {
  if (dims.some((dimension) => dimension < 0n)) return undefined
  return dims.reduce((product, dimension) => product * dimension, 1n)
}

/** What a tensor says of its size must be what it holds: loaders allocate by the one and copy by the other. */
export function checkTensor({ part: tensor, where }: Placed<OnnxTensor>, findings: FindingList): void {
  const place = { member: where, offset: tensor.offset }
  const mismatch = mismatchOf(tensor)
  if (mismatch !== undefined) findings.add(TENSOR_MISMATCH, mismatch, place)
  const elements = elementsOf(tensor.dims) ?? 0n
  if (tensor.isExternal && elements > HUGE_ELEMENTS * 16n) {
    findings.add(RESOURCE_BOMB, `a tensor claims ${elements} elements`, place)
  }
}

function mismatchOf(tensor: OnnxTensor): string | undefined {
  if (tensor.elementType === undefined || tensor.elementType === 'undefined') {
    return `a tensor has the unknown element type ${tensor.dataType}`
  }
  const elements = elementsOf(tensor.dims)
  if (elements === undefined) return 'a tensor has a negative dimension'
  if (tensor.isExternal) return undefined
  const forms = [tensor.raw !== undefined, tensor.typedCount > 0, tensor.strings.length > 0]
  if (forms.filter(Boolean).length > 1) return 'a tensor holds its values twice'
  const { count, found, unit } = expectedCount(tensor, elements)
  return count === found ? undefined : `a tensor of ${elements} elements holds ${found} ${unit}, not ${count}`
}

function expectedCount(tensor: OnnxTensor, elements: bigint): { count: bigint; found: bigint; unit: string } {
  const type = tensor.elementType ?? 'undefined'
  const bits = bitsOf(type)
  if (bits === undefined) return { count: elements, found: BigInt(tensor.strings.length), unit: 'strings' }
  if (tensor.raw !== undefined) {
    const count = (elements * BigInt(bits) + 7n) / 8n
    return { count, found: BigInt(tensor.raw.length), unit: 'bytes' }
  }
  const found = BigInt(tensor.typedCount)
  // A complex number is two; numbers of less than a byte are packed into one.
  if (type === 'complex64' || type === 'complex128') return { count: elements * 2n, found, unit: 'numbers' }
  if (bits < 8) return { count: (elements * BigInt(bits) + 7n) / 8n, found, unit: 'bytes' }
  return { count: elements, found, unit: 'values' }
}

/** Runtimes make sparse initializers dense when they load, so few bytes can ask for any amount of memory. */
export function checkSparse({ part: sparse, where }: Placed<OnnxSparseTensor>, findings: FindingList): void {
  const place = { member: where, offset: sparse.offset }
  const elements = elementsOf(sparse.dims)
  if (elements === undefined) {
    findings.add(TENSOR_MISMATCH, 'a sparse tensor has a negative dimension', place)
  } else if (elements > HUGE_ELEMENTS) {
    findings.add(RESOURCE_BOMB, `a sparse tensor becomes ${elements} elements`, place)
  }
}
