/** Open Inference Protocol, version 2, over REST: https://github.com/kserve/open-inference-protocol */
export { checkRequestedOutputs, type ProtocolAnswer, writeInferAnswer } from './infer-answer.ts'
export { type InferRequest, parseInferRequest, type RequestedOutput } from './infer-request.ts'
export type { JsonBudget } from './json-body.ts'
export { modelMetadata, serverMetadata } from './metadata.ts'
