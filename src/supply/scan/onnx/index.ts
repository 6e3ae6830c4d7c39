export { ONNX_READER } from './onnx.ts'
export { ONNX_RULES } from './rules.ts'
