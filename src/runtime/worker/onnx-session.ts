import { createRequire } from 'node:module'
import type { Datatype, Tensor, TensorData } from '../../core/index.ts'
import type { DeclaredTensor } from '../protocol/index.ts'
import { addonPath } from './onnxruntime-package.ts'

/**
 * onnxruntime-node's native addon, used without its JavaScript: that runs each call through a timer and a promise, and a
 * worker that reads, computes and answers in one synchronous loop needs neither. The package is pinned to the version
 * whose addon this describes (js/node/src/inference_session_wrap.cc of onnxruntime 1.30.0).
 */
interface Addon {
  initOrtOnce(logLevel: number, tensorConstructor: typeof OrtTensor, isMainThread: boolean): void
  readonly InferenceSession: new () => AddonSession
}

interface AddonSession {
  loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: object): void
  readonly inputMetadata: readonly AddonMetadata[]
  readonly outputMetadata: readonly AddonMetadata[]
  run(
    feeds: Record<string, OrtTensor>,
    fetches: Record<string, null>,
    options: object,
  ): Record<string, OrtTensor>
}

interface AddonMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type: number
  readonly shape: readonly number[]
  /** Names of free dimensions, empty where there is none. */
  readonly symbolicDimensions: readonly string[]
}

/** What the addon reads of a tensor, and how it makes one. */
class OrtTensor {
  readonly location = 'cpu'
  readonly type: string
  readonly data: TensorData
  readonly dims: readonly number[]

  constructor(type: string, data: TensorData, dims: readonly number[]) {
    this.type = type
    this.data = data
    this.dims = dims
  }
}

// ONNX's TensorProto.DataType (onnx.proto) by number: the Open Inference Protocol's name and the addon's.
const ELEMENT_TYPES: readonly (readonly [Datatype, string] | undefined)[] = [
  undefined,
  ['FP32', 'float32'],
  ['UINT8', 'uint8'],
  ['INT8', 'int8'],
  ['UINT16', 'uint16'],
  ['INT16', 'int16'],
  ['INT32', 'int32'],
  ['INT64', 'int64'],
  ['BYTES', 'string'],
  ['BOOL', 'bool'],
  ['FP16', 'float16'],
  ['FP64', 'float64'],
  ['UINT32', 'uint32'],
  ['UINT64', 'uint64'],
]
const ADDON_TYPES = new Map(ELEMENT_TYPES.filter((type) => type !== undefined))

const LOG_FATAL_ONLY = 4

const SESSION_OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  // Without the arena memory goes back after a call, instead of staying at the largest call's need.
  enableCpuMemArena: false,
  enableMemPattern: false,
  extra: {
    session: {
      // Weights outside the model would be bytes that nobody verified. A model given as bytes looks for them here.
      model_external_initializers_file_folder_path: '/dev/null/no-external-data',
    },
  },
}

export interface DeclaredShape extends DeclaredTensor {
  /** -1 is a free dimension; empty for a scalar and for an undeclared shape. */
  readonly shape: readonly number[]
}

/** A model that is loaded. Everything about it is synchronous. */
export class OnnxSession {
  readonly inputs: readonly DeclaredShape[]
  readonly outputs: readonly DeclaredShape[]
  /** True when the first dimension of all inputs and outputs is the same free one, by name. */
  readonly hasRows: boolean
  readonly #session: AddonSession
  readonly #fetches: Record<string, null>

  /** @throws Error with the library's own text when the model is not one it can run */
  constructor(modelBytes: Uint8Array) {
    const addon = loadAddon()
    addon.initOrtOnce(LOG_FATAL_ONLY, OrtTensor, true)
    this.#session = new addon.InferenceSession()
    this.#session.loadModel(modelBytes.buffer, modelBytes.byteOffset, modelBytes.byteLength, SESSION_OPTIONS)
    this.inputs = this.#session.inputMetadata.map(declared)
    this.outputs = this.#session.outputMetadata.map(declared)
    this.hasRows = hasOneFreeFirstDimension([...this.#session.inputMetadata, ...this.#session.outputMetadata])
    this.#fetches = Object.fromEntries(this.outputs.map((output) => [output.name, null]))
  }

  /**
   * One run. The inputs' memory is read during the call only; the outputs' is their own.
   * @throws Error with the library's own text, which may quote input values
   */
  run(inputs: readonly Tensor[]): Tensor[] {
    const feeds: Record<string, OrtTensor> = {}
    for (const { name, datatype, shape, data } of inputs) {
      feeds[name] = new OrtTensor(ADDON_TYPES.get(datatype) ?? '', data, shape)
    }
    const results = this.#session.run(feeds, this.#fetches, {})
    return this.outputs.map(({ name, datatype }) => {
      const result = results[name]
      if (result === undefined || result.type !== ADDON_TYPES.get(datatype)) {
        throw new Error('the model gave an output of another type than it declares')
      }
      return { name, datatype, shape: result.dims, data: result.data }
    })
  }
}

function declared(metadata: AddonMetadata): DeclaredShape {
  const type = metadata.isTensor ? ELEMENT_TYPES[metadata.type] : undefined
  if (type === undefined) {
    throw new Error('the model takes or gives something that is not a tensor of a supported type')
  }
  return { name: metadata.name, datatype: type[0], shape: [...metadata.shape] }
}

function hasOneFreeFirstDimension(tensors: readonly AddonMetadata[]): boolean {
  const name = tensors[0]?.symbolicDimensions[0] ?? ''
  return (
    name !== '' &&
    tensors.every(({ shape, symbolicDimensions }) => shape[0] === -1 && symbolicDimensions[0] === name)
  )
}

const require = createRequire(import.meta.url)

function loadAddon(): Addon {
  return require(addonPath())
}
