import {
  type Datatype,
  elementCount,
  SallyportError,
  type Tensor,
  type TensorData,
} from '../../core/index.ts'
import { MAX_RANK } from '../protocol/index.ts'
import type { TensorMetadata } from './worker-metadata.ts'

const ARRAYS: Readonly<Record<Exclude<Datatype, 'BYTES'>, new (length: number) => TensorData>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
}

/**
 * The inputs in the model's order, each what the model declares, so that no caller can make an honest worker refuse a
 * frame and be killed for it.
 * @throws SallyportError `runtime.input-rejected`, which names the input and never quotes a value
 */
export function orderedInputs(
  inputs: readonly Tensor[],
  declared: readonly TensorMetadata[],
): readonly Tensor[] {
  if (inputs.length !== declared.length) throw rejected("the number of inputs is not the model's", undefined)
  let ordered: readonly Tensor[] = inputs
  if (!declared.every(({ name }, index) => inputs[index]?.name === name)) {
    const byName = new Map(inputs.map((input) => [input.name, input]))
    ordered = declared.map(({ name }) => {
      const input = byName.get(name)
      if (input === undefined) throw rejected('an input is missing', name)
      return input
    })
  }
  for (let index = 0; index < declared.length; index++) {
    const input = ordered[index]
    const expected = declared[index]
    if (input !== undefined && expected !== undefined) checkInput(input, expected)
  }
  return ordered
}

function checkInput({ name, datatype, shape, data }: Tensor, expected: TensorMetadata): void {
  if (datatype !== expected.datatype)
    throw rejected('an input has another datatype than the model takes', name)
  if (!fits(shape, expected.shape)) throw rejected('an input has a shape the model does not take', name)
  if (data.length !== elementCount(shape) || !isOf(datatype, data)) {
    throw rejected(
      'the elements of an input do not match its shape and datatype, or cannot be given to the model',
      name,
    )
  }
}

/** An empty declared shape is a scalar's or says nothing; onnxruntime then decides. */
function fits(shape: readonly number[], expected: readonly number[]): boolean {
  if (shape.length > MAX_RANK) return false
  if (expected.length > 0 && shape.length !== expected.length) return false
  for (let axis = 0; axis < shape.length; axis++) {
    const dimension = shape[axis] ?? 0
    const declared = expected[axis] ?? -1
    if (!Number.isInteger(dimension) || dimension < 0 || dimension > 0xffffffff) return false
    if (declared !== -1 && declared !== dimension) return false
  }
  return true
}

function isOf(datatype: Datatype, data: TensorData): boolean {
  if (datatype === 'BYTES') {
    return Array.isArray(data) && data.every(isText)
  }
  if (!(data instanceof ARRAYS[datatype])) return false
  if (datatype === 'BOOL' && data instanceof Uint8Array) {
    for (const value of data) if (value > 1) return false
  }
  return true
}

/**
 * onnxruntime takes texts as C strings and would cut one at a NUL; half a surrogate pair has no UTF-8. Either way the model
 * would see another text than the one that was checked.
 */
function isText(element: unknown): boolean {
  return typeof element === 'string' && !element.includes('\0') && element.isWellFormed()
}

function rejected(message: string, input: string | undefined): SallyportError {
  return new SallyportError('runtime.input-rejected', message, {
    kind: 'invalid',
    remedy: 'send the inputs that the metadata of the model names, with their datatypes and shapes',
    ...(input === undefined ? {} : { details: { input } }),
  })
}
