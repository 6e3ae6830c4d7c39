export type { Anomaly } from './anomaly.ts'
export * from './onnx/index.ts'
export * from './protobuf/index.ts'
