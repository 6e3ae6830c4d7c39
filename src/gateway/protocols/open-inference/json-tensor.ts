import type { Datatype, TensorData } from '../../../core/index.ts'
import { invalidTensor } from '../../refusal.ts'

/** Thrown when an integer of the body needs more bits than a number has: the body is then parsed exactly. */
export const NEEDS_EXACT_INTEGERS = Symbol('needs exact integers')

/**
 * Reads the `data` of a JSON tensor, flat or nested as its shape, row-major. Elements are checked exactly: integers for
 * integer datatypes, within the datatype's range, booleans for BOOL, well-formed text for BYTES, and no value that
 * overflows the datatype. A refusal names the element by its place.
 * @param isExact whether integers beyond 2^53 have come as bigint; until they have, one of them for a 64-bit datatype
 *   throws NEEDS_EXACT_INTEGERS.
 */
export function readJsonData(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  count: number,
  data: unknown,
  isExact: boolean,
): TensorData {
  if (!Array.isArray(data)) throw invalidTensor(name, "has 'data' that is not an array")
  const elements = Array.isArray(data[0]) ? flatten(name, shape, data) : data
  if (elements.length !== count) {
    throw invalidTensor(name, `has ${elements.length} elements, but its shape holds ${count}`)
  }
  return READERS[datatype](name, elements, isExact)
}

function flatten(name: string, shape: readonly number[], data: readonly unknown[]): unknown[] {
  const elements: unknown[] = []
  const append = (part: readonly unknown[], dimension: number) => {
    if (part.length !== shape[dimension]) {
      throw invalidTensor(name, `has 'data' that is nested otherwise than its shape`)
    }
    const isInnermost = dimension === shape.length - 1
    for (const member of part) {
      if (isInnermost) elements.push(member)
      else if (Array.isArray(member)) append(member, dimension + 1)
      else throw invalidTensor(name, `has 'data' that is nested otherwise than its shape`)
    }
  }
  append(data, 0)
  return elements
}

type Reader = (name: string, elements: readonly unknown[], isExact: boolean) => TensorData

const READERS: Readonly<Record<Datatype, Reader>> = {
  BOOL: readBooleans,
  UINT8: (name, elements) => readIntegers(name, elements, new Uint8Array(elements.length), 'UINT8', 0, 0xff),
  UINT16: (name, elements) =>
    readIntegers(name, elements, new Uint16Array(elements.length), 'UINT16', 0, 0xffff),
  UINT32: (name, elements) =>
    readIntegers(name, elements, new Uint32Array(elements.length), 'UINT32', 0, 0xffff_ffff),
  UINT64: (name, elements, isExact) =>
    readLargeIntegers(
      name,
      elements,
      new BigUint64Array(elements.length),
      'UINT64',
      0n,
      2n ** 64n - 1n,
      isExact,
    ),
  INT8: (name, elements) => readIntegers(name, elements, new Int8Array(elements.length), 'INT8', -0x80, 0x7f),
  INT16: (name, elements) =>
    readIntegers(name, elements, new Int16Array(elements.length), 'INT16', -0x8000, 0x7fff),
  INT32: (name, elements) =>
    readIntegers(name, elements, new Int32Array(elements.length), 'INT32', -0x8000_0000, 0x7fff_ffff),
  INT64: (name, elements, isExact) =>
    readLargeIntegers(
      name,
      elements,
      new BigInt64Array(elements.length),
      'INT64',
      -(2n ** 63n),
      2n ** 63n - 1n,
      isExact,
    ),
  FP16: (name, elements) => {
    const halves = readFloats(name, elements, new Float16Array(elements.length), 'FP16')
    return new Uint16Array(halves.buffer)
  },
  FP32: (name, elements) => readFloats(name, elements, new Float32Array(elements.length), 'FP32'),
  FP64: (name, elements) => readFloats(name, elements, new Float64Array(elements.length), 'FP64'),
  BYTES: readTexts,
}

type SmallIntegers = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array

function readIntegers(
  name: string,
  elements: readonly unknown[],
  into: SmallIntegers,
  datatype: Datatype,
  least: number,
  greatest: number,
): SmallIntegers {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]
    if (typeof element === 'bigint') throw outOfRange(name, index, datatype)
    if (typeof element !== 'number' || !Number.isInteger(element)) throw notA(name, index, 'integer')
    if (element < least || element > greatest) throw outOfRange(name, index, datatype)
    into[index] = element
  }
  return into
}

function readLargeIntegers<Integers extends BigInt64Array | BigUint64Array>(
  name: string,
  elements: readonly unknown[],
  into: Integers,
  datatype: Datatype,
  least: bigint,
  greatest: bigint,
  isExact: boolean,
): Integers {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]
    if (typeof element === 'number' && Number.isSafeInteger(element)) {
      if (element < 0 && least === 0n) throw outOfRange(name, index, datatype)
      into[index] = BigInt(element)
    } else if (typeof element === 'bigint') {
      if (element < least || element > greatest) throw outOfRange(name, index, datatype)
      into[index] = element
    } else if (!isExact && Number.isInteger(element)) {
      throw NEEDS_EXACT_INTEGERS
    } else {
      throw notA(name, index, 'integer')
    }
  }
  return into
}

function readFloats<Floats extends Float16Array | Float32Array | Float64Array>(
  name: string,
  elements: readonly unknown[],
  into: Floats,
  datatype: Datatype,
): Floats {
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]
    if (typeof element === 'number') into[index] = element
    else if (typeof element === 'bigint') into[index] = Number(element)
    else throw notA(name, index, 'number')
    // JSON has no infinity: what arrives as one was too large, for a number or for the datatype.
    if (!Number.isFinite(into[index])) throw outOfRange(name, index, datatype)
  }
  return into
}

function readBooleans(name: string, elements: readonly unknown[]): Uint8Array {
  const into = new Uint8Array(elements.length)
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]
    if (typeof element !== 'boolean') throw notA(name, index, 'boolean')
    into[index] = element ? 1 : 0
  }
  return into
}

function readTexts(name: string, elements: readonly unknown[]): readonly string[] {
  // The parsed array itself is the tensor's: it is this request's own, and a copy would show nothing else.
  if (elements.every(isWellFormedText)) return elements
  const index = elements.findIndex((element) => !isWellFormedText(element))
  if (typeof elements[index] !== 'string') throw notA(name, index, 'string')
  // An escaped half of a surrogate pair would become another text on its way to the model.
  throw invalidTensor(name, `element ${index} is not well-formed Unicode`)
}

function isWellFormedText(element: unknown): element is string {
  return typeof element === 'string' && element.isWellFormed()
}

function notA(name: string, index: number, kind: string) {
  return invalidTensor(name, `element ${index} is not ${kind === 'integer' ? 'an' : 'a'} ${kind}`)
}

function outOfRange(name: string, index: number, datatype: Datatype) {
  return invalidTensor(name, `element ${index} is outside of the range of ${datatype}`)
}
