export type { ElementType } from './element-type.ts'
export { bitsOf, datatypeOf, elementTypeCode, elementTypeOf } from './element-type.ts'
export type {
  OnnxAttribute,
  OnnxEntry,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxOpset,
  OnnxSparseTensor,
  OnnxTensor,
  OnnxTrainingInfo,
  OnnxType,
  OnnxValue,
} from './model.ts'
export type { OnnxReading } from './read-onnx.ts'
export { readOnnx } from './read-onnx.ts'
export type {
  AttributeDefinition,
  FunctionDefinition,
  GraphDefinition,
  ModelDefinition,
  NodeDefinition,
  OpsetDefinition,
  SparseTensorDefinition,
  TensorContent,
  TensorDefinition,
  ValueDefinition,
} from './write-onnx.ts'
export { writeOnnx } from './write-onnx.ts'
