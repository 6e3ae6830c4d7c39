import type { ElementType } from './element-type.ts'

/** What an ONNX file holds, as far as deciding about it needs. Weights stay where they are: ranges of the file. */
export interface OnnxModel {
  readonly irVersion: bigint
  readonly producerName: string
  readonly producerVersion: string
  readonly domain: string
  readonly modelVersion: bigint
  readonly opsetImports: readonly OnnxOpset[]
  readonly metadata: readonly OnnxEntry[]
  /** Undefined when the file has none: then it is no model. */
  readonly graph: OnnxGraph | undefined
  readonly functions: readonly OnnxFunction[]
  readonly trainingInfo: readonly OnnxTrainingInfo[]
}

export interface OnnxOpset {
  /** Empty for the standard operators. */
  readonly domain: string
  readonly version: bigint
}

export interface OnnxEntry {
  readonly key: string
  readonly value: string
  readonly offset: number
}

export interface OnnxTrainingInfo {
  readonly initialization: OnnxGraph | undefined
  readonly algorithm: OnnxGraph | undefined
  readonly offset: number
}

export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxTensor[]
  readonly sparseInitializers: readonly OnnxSparseTensor[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly valueInfos: readonly OnnxValue[]
  readonly metadata: readonly OnnxEntry[]
  readonly offset: number
}

export interface OnnxFunction {
  readonly name: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly OnnxNode[]
  readonly opsetImports: readonly OnnxOpset[]
  /** Default values of the function's attributes. */
  readonly attributes: readonly OnnxAttribute[]
  readonly metadata: readonly OnnxEntry[]
  readonly offset: number
}

export interface OnnxNode {
  readonly name: string
  readonly opType: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly OnnxAttribute[]
  readonly metadata: readonly OnnxEntry[]
  readonly offset: number
}

export interface OnnxAttribute {
  readonly name: string
  /** Every integer of `i` and `ints`, up to `RETAINED_INTEGERS` of them. */
  readonly integers: readonly bigint[]
  /** Every value of `s` and `strings`, as bytes: an attribute string need not be text. */
  readonly strings: readonly Uint8Array[]
  readonly tensors: readonly OnnxTensor[]
  readonly sparseTensors: readonly OnnxSparseTensor[]
  readonly graphs: readonly OnnxGraph[]
  readonly offset: number
}

/** How many integers of an attribute are kept; shapes and axes are short, and the rest is only counted. */
export const RETAINED_INTEGERS = 1024

export interface OnnxTensor {
  readonly name: string
  readonly dims: readonly bigint[]
  /** Undefined when `dataType` is a number that no version of ONNX gives. */
  readonly elementType: ElementType | undefined
  readonly dataType: number
  /** Set when the values stand as raw little-endian bytes. */
  readonly raw: Uint8Array | undefined
  /** Integers of the typed fields, up to `RETAINED_INTEGERS`. */
  readonly integers: readonly bigint[]
  /** Elements in the typed fields (float_data, int32_data, …), whichever they are. */
  readonly typedCount: number
  readonly strings: readonly Uint8Array[]
  /** True when the tensor says its values are in another file. */
  readonly isExternal: boolean
  readonly externalData: readonly OnnxEntry[]
  readonly offset: number
}

export interface OnnxSparseTensor {
  readonly values: OnnxTensor | undefined
  readonly indices: OnnxTensor | undefined
  readonly dims: readonly bigint[]
  readonly offset: number
}

export interface OnnxValue {
  readonly name: string
  readonly type: OnnxType
  readonly offset: number
}

export type OnnxType =
  | {
      readonly kind: 'tensor' | 'sparse-tensor'
      readonly elementType: ElementType | undefined
      /** A number, the name of a free dimension, or undefined for one that is not said. Undefined for no rank said. */
      readonly shape: readonly (bigint | string | undefined)[] | undefined
    }
  | { readonly kind: 'sequence' | 'map' | 'optional' | 'opaque' | 'none' }
