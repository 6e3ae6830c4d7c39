import type { Reference, Severity } from '../../../core/index.ts'
import type { Rule } from '../report.ts'

export const EXTERNAL_DATA = rule('onnx.external-data', 'medium', 'Weights that stand in another file', [
  { scheme: 'CWE', id: 'CWE-829' },
])

export const EXTERNAL_DATA_ESCAPE = rule(
  'onnx.external-data-escape',
  'critical',
  'Weights that are read from outside the model',
  [
    { scheme: 'CWE', id: 'CWE-22' },
    { scheme: 'CVE', id: 'CVE-2022-25882' },
    { scheme: 'CVE', id: 'CVE-2024-27318' },
    { scheme: 'CVE', id: 'CVE-2025-51480' },
  ],
)

export const EXTERNAL_DATA_RANGE = rule(
  'onnx.external-data-range',
  'high',
  'Weights at a place in another file that cannot be',
  [{ scheme: 'CWE', id: 'CWE-125' }],
)

export const CODE_OPERATOR = rule(
  'onnx.code-operator',
  'critical',
  'An operator that runs code or loads a binary',
  [
    { scheme: 'CWE', id: 'CWE-829' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  ],
)

export const CUSTOM_DOMAIN = rule('onnx.custom-domain', 'high', 'An operator that needs a native extension', [
  { scheme: 'CWE', id: 'CWE-829' },
  { scheme: 'MITRE-ATLAS', id: 'AML.T0010' },
])

export const UNKNOWN_OPERATOR = rule(
  'onnx.unknown-operator',
  'medium',
  'An operator that its domain does not have',
  [{ scheme: 'CWE', id: 'CWE-1104' }],
)

export const FUNCTION_SHADOW = rule(
  'onnx.function-shadow',
  'high',
  'A function under the name of an operator',
  [
    { scheme: 'CWE', id: 'CWE-694' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0018' },
  ],
)

export const FUNCTION_RECURSION = rule('onnx.function-recursion', 'high', 'A function that calls itself', [
  { scheme: 'CWE', id: 'CWE-674' },
])

export const RESOURCE_BOMB = rule(
  'onnx.resource-bomb',
  'high',
  'A model that asks for endless memory or time',
  [
    { scheme: 'CWE', id: 'CWE-400' },
    { scheme: 'OWASP-LLM', id: 'LLM10' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0029' },
  ],
)

export const TENSOR_MISMATCH = rule(
  'onnx.tensor-mismatch',
  'high',
  'A tensor whose size is not that of its values',
  [{ scheme: 'CWE', id: 'CWE-131' }],
)

export const SUSPICIOUS_METADATA = rule(
  'onnx.suspicious-metadata',
  'medium',
  'Metadata that no model needs',
  [{ scheme: 'CWE', id: 'CWE-506' }],
)

export const EMBEDDED_FILE = rule('onnx.embedded-file', 'high', 'A program or archive inside the model', [
  { scheme: 'CWE', id: 'CWE-506' },
  { scheme: 'MITRE-ATLAS', id: 'AML.T0018' },
])

export const AMBIGUOUS_STRUCTURE = rule(
  'onnx.ambiguous-structure',
  'medium',
  'A structure that loaders may read differently',
  [{ scheme: 'CWE', id: 'CWE-436' }],
)

export const UNKNOWN_FIELD = rule('onnx.unknown-field', 'medium', 'Data that ONNX has no place for', [
  { scheme: 'CWE', id: 'CWE-506' },
])

export const UNREAD: Rule = {
  ...rule('onnx.unread', 'high', 'Bytes that could not be read as ONNX', [{ scheme: 'CWE', id: 'CWE-20' }]),
  isUnread: true,
}

export const ONNX_RULES: readonly Rule[] = [
  EXTERNAL_DATA,
  EXTERNAL_DATA_ESCAPE,
  EXTERNAL_DATA_RANGE,
  CODE_OPERATOR,
  CUSTOM_DOMAIN,
  UNKNOWN_OPERATOR,
  FUNCTION_SHADOW,
  FUNCTION_RECURSION,
  RESOURCE_BOMB,
  TENSOR_MISMATCH,
  SUSPICIOUS_METADATA,
  EMBEDDED_FILE,
  AMBIGUOUS_STRUCTURE,
  UNKNOWN_FIELD,
  UNREAD,
]

function rule(id: string, severity: Severity, title: string, references: readonly Reference[]): Rule {
  return { id, severity, title, references }
}
