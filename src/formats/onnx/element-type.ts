import type { Datatype } from '../../core/index.ts'

/** TensorProto.DataType of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) by number. */
const NAMES = [
  'undefined',
  'float',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'double',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
  'uint2',
  'int2',
] as const

export type ElementType = (typeof NAMES)[number]

/** Bits of one element; a string has no fixed size. */
const BITS: Readonly<Record<ElementType, number | undefined>> = {
  undefined: undefined,
  float: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  string: undefined,
  bool: 8,
  float16: 16,
  double: 64,
  uint32: 32,
  uint64: 64,
  complex64: 64,
  complex128: 128,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
  float8e8m0: 8,
  uint2: 2,
  int2: 2,
}

const DATATYPES: Partial<Record<ElementType, Datatype>> = {
  float: 'FP32',
  uint8: 'UINT8',
  int8: 'INT8',
  uint16: 'UINT16',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  string: 'BYTES',
  bool: 'BOOL',
  float16: 'FP16',
  double: 'FP64',
  uint32: 'UINT32',
  uint64: 'UINT64',
}

/** Undefined for a number that onnx.proto does not give. */
export function elementTypeOf(code: number): ElementType | undefined {
  return NAMES[code]
}

export function elementTypeCode(type: ElementType): number {
  return NAMES.indexOf(type)
}

export function bitsOf(type: ElementType): number | undefined {
  return BITS[type]
}

/** The Open Inference Protocol's name of an element type; undefined for one that the protocol cannot carry. */
export function datatypeOf(type: ElementType): Datatype | undefined {
  return DATATYPES[type]
}
