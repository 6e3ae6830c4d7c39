import type { Finding } from '../../../core/index.ts'
import {
  type Anomaly,
  DEFAULT_WIRE_BUDGET,
  LENGTH,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  readOnnx,
  VARINT,
  WireFile,
} from '../../../formats/index.ts'
import { FindingList } from '../finding-list.ts'
import type { FormatReader } from '../reader.ts'
import { checkBombs } from './bombs.ts'
import { checkAttributeContent, checkMetadata, checkTensorContent } from './contents.ts'
import { checkExternalData } from './external-data.ts'
import { checkFunctions, functionKey } from './functions.ts'
import { isCodeOperator, isKnownDomain, isKnownOperator } from './operators.ts'
import {
  AMBIGUOUS_STRUCTURE,
  CODE_OPERATOR,
  CUSTOM_DOMAIN,
  UNKNOWN_FIELD,
  UNKNOWN_OPERATOR,
  UNREAD,
} from './rules.ts'
import { checkSparse, checkTensor } from './tensor-sizes.ts'
import { type Placed, partsOf } from './walk.ts'

/** ONNX holds no code of its own, but names files, native operators and amounts of memory. */
export const ONNX_READER: FormatReader = { format: 'onnx', recognises: isOnnx, check: checkOnnx }

/** A graph, and the version of the format or of the operators: what no other protobuf file has at these numbers. */
function isOnnx(bytes: Uint8Array): boolean {
  const message = new WireFile(bytes, { ...DEFAULT_WIRE_BUDGET, maxFields: 1_000_000 }).root()
  let hasGraph = false
  let hasVersion = false
  while (message.next()) {
    if (message.fieldNumber === 7 && message.wireType === LENGTH) hasGraph = true
    if (message.fieldNumber === 1 && message.wireType === VARINT) hasVersion = true
    if (message.fieldNumber === 8 && message.wireType === LENGTH) hasVersion = true
    if (hasGraph && hasVersion) return true
  }
  return false
}

function checkOnnx(bytes: Uint8Array, path: string): Finding[] {
  const findings = new FindingList(path)
  const reading = readOnnx(bytes)
  for (const anomaly of reading.anomalies) reportAnomaly(anomaly, findings)
  const parts = partsOf(reading.model)
  const functions = new Set(reading.model.functions.map((each) => functionKey(each.domain, each.name)))
  for (const node of parts.nodes) checkNode(node, functions, findings)
  for (const tensor of parts.tensors) {
    checkExternalData(tensor, findings)
    checkTensor(tensor, findings)
    checkTensorContent(tensor, findings)
  }
  for (const sparse of parts.sparseTensors) checkSparse(sparse, findings)
  for (const attribute of parts.attributes) checkAttributeContent(attribute, findings)
  for (const entry of parts.metadata) checkMetadata(entry, findings)
  for (const graph of parts.graphs) checkNames(graph, findings)
  checkOpsets(reading.model, findings)
  checkFunctions(reading.model, findings)
  checkBombs(reading.model, findings)
  return findings.finish()
}

function reportAnomaly(anomaly: Anomaly, findings: FindingList): void {
  const place = { offset: anomaly.offset }
  if (anomaly.isUnread) findings.add(UNREAD, anomaly.message, place)
  else if (anomaly.code === 'unknown-field' || anomaly.code === 'group') {
    findings.add(UNKNOWN_FIELD, anomaly.message, place)
  } else findings.add(AMBIGUOUS_STRUCTURE, anomaly.message, place)
}

function checkNode(
  { part: node, where }: Placed<OnnxNode>,
  functions: ReadonlySet<string>,
  findings: FindingList,
): void {
  const place = { member: where, offset: node.offset }
  const name = `${node.domain}:${node.opType}`
  if (isCodeOperator(node.domain, node.opType)) {
    findings.add(CODE_OPERATOR, 'an operator runs code or loads a compiled program', place, name)
  } else if (!functions.has(functionKey(node.domain, node.opType))) {
    if (!isKnownDomain(node.domain)) {
      findings.add(CUSTOM_DOMAIN, 'an operator is of a domain that needs a native extension', place, name)
    } else if (!isKnownOperator(node.domain, node.opType)) {
      findings.add(UNKNOWN_OPERATOR, 'an operator is not one of its domain', place, name)
    }
  }
  if (hasDuplicate(node.attributes.map((attribute) => attribute.name))) {
    findings.add(AMBIGUOUS_STRUCTURE, 'an attribute stands twice', place)
  }
}

function checkNames({ part: graph, where }: Placed<OnnxGraph>, findings: FindingList): void {
  const place = { member: where, offset: graph.offset }
  if (hasDuplicate(graph.initializers.map((tensor) => tensor.name))) {
    findings.add(AMBIGUOUS_STRUCTURE, 'an initializer stands twice', place)
  }
  const outputs = graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''))
  if (hasDuplicate(outputs)) findings.add(AMBIGUOUS_STRUCTURE, 'two nodes give the same value', place)
}

function checkOpsets(model: OnnxModel, findings: FindingList): void {
  if (hasDuplicate(model.opsetImports.map((opset) => (opset.domain === 'ai.onnx' ? '' : opset.domain)))) {
    findings.add(AMBIGUOUS_STRUCTURE, 'a domain of operators is imported twice', {})
  }
  if (hasDuplicate(model.metadata.map((entry) => entry.key))) {
    findings.add(AMBIGUOUS_STRUCTURE, 'a key of the metadata stands twice', {})
  }
}

function hasDuplicate(names: readonly string[]): boolean {
  return new Set(names).size < names.length
}
