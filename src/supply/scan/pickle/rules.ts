import type { Reference } from '../../../core/index.ts'
import type { Rule } from '../report.ts'

const DESERIALIZATION: readonly Reference[] = [
  { scheme: 'CWE', id: 'CWE-502' },
  { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  { scheme: 'OWASP-LLM', id: 'LLM03' },
]
const PARSER: readonly Reference[] = [
  { scheme: 'CWE', id: 'CWE-436' },
  { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
]

export const UNSAFE_GLOBAL: Rule = {
  id: 'pickle.unsafe-global',
  severity: 'critical',
  title: 'A pickle imports something known to run code or reach the system',
  references: DESERIALIZATION,
}
export const UNKNOWN_GLOBAL: Rule = {
  id: 'pickle.unknown-global',
  severity: 'high',
  title: 'A pickle imports something that is not known to be harmless',
  references: DESERIALIZATION,
}
export const UNSAFE_CALL: Rule = {
  id: 'pickle.unsafe-call',
  severity: 'high',
  title: 'A pickle calls something harmless in a way that is not',
  references: DESERIALIZATION,
}
export const COMPUTED_GLOBAL: Rule = {
  id: 'pickle.computed-global',
  severity: 'critical',
  title: 'A pickle computes the name of what it imports',
  references: DESERIALIZATION,
}
export const COMPUTED_CALL: Rule = {
  id: 'pickle.computed-call',
  severity: 'critical',
  title: 'A pickle calls what another call returned',
  references: DESERIALIZATION,
}
export const ATTRIBUTE_WALK: Rule = {
  id: 'pickle.attribute-walk',
  severity: 'critical',
  title: 'A pickle walks attributes to something not imported by its own name',
  references: DESERIALIZATION,
}
export const EXTENSION_CODE: Rule = {
  id: 'pickle.extension-code',
  severity: 'high',
  title: 'A pickle imports through the extension registry',
  references: DESERIALIZATION,
}
export const STATE_OF_IMPORT: Rule = {
  id: 'pickle.state-of-import',
  severity: 'critical',
  title: 'A pickle overwrites attributes of a module, class or function',
  references: DESERIALIZATION,
}
export const SPECIAL_STATE: Rule = {
  id: 'pickle.special-state',
  severity: 'critical',
  title: 'A pickle sets special attributes of an object',
  references: DESERIALIZATION,
}
export const METHOD_GADGET: Rule = {
  id: 'pickle.method-gadget',
  severity: 'high',
  title: 'A pickle calls the methods of a container on an object that is none',
  references: DESERIALIZATION,
}
export const NESTED_PICKLE: Rule = {
  id: 'pickle.nested-payload',
  severity: 'high',
  title: 'A constant holds a pickle that would run code',
  references: DESERIALIZATION,
}
export const HIDDEN_PICKLE: Rule = {
  id: 'pickle.hidden-pickle',
  severity: 'high',
  title: 'A pickle that would run code stands where none belongs',
  references: DESERIALIZATION,
}
export const FRAME_DISAGREEMENT: Rule = {
  id: 'pickle.frame-disagreement',
  severity: 'medium',
  title: 'Loaders read different opcodes from the same frames',
  references: PARSER,
}
export const BROKEN_STREAM: Rule = {
  id: 'pickle.broken-stream',
  severity: 'medium',
  title: 'A pickle breaks before its end',
  references: PARSER,
  isUnread: true,
}
export const OVER_BUDGET: Rule = {
  id: 'pickle.over-budget',
  severity: 'medium',
  title: 'A pickle is larger than the scanner reads',
  references: [{ scheme: 'CWE', id: 'CWE-400' }],
  isUnread: true,
}
export const TRAILING_DATA: Rule = {
  id: 'pickle.trailing-data',
  severity: 'info',
  title: 'Bytes follow the last pickle',
  references: PARSER,
}
export const PERSISTENT_ID: Rule = {
  id: 'pickle.persistent-id',
  severity: 'info',
  title: 'A pickle asks its loader for objects',
  references: DESERIALIZATION,
}
export const UNREAD_ARRAY: Rule = {
  id: 'joblib.unread-array',
  severity: 'medium',
  title: 'The size of an array inside a joblib stream cannot be told',
  references: PARSER,
  isUnread: true,
}
export const DTYPE_LIE: Rule = {
  id: 'joblib.dtype-lie',
  severity: 'high',
  title: 'The type of an array contradicts itself',
  references: PARSER,
}
export const NUMPY_HEADER: Rule = {
  id: 'numpy.malformed-header',
  severity: 'medium',
  title: 'The header of a NumPy file cannot be read',
  references: PARSER,
  isUnread: true,
}
export const OBJECT_ARRAY: Rule = {
  id: 'numpy.object-array',
  severity: 'info',
  title: 'A NumPy file holds Python objects, which are loaded as a pickle',
  references: [...DESERIALIZATION, { scheme: 'CVE', id: 'CVE-2019-6446' }],
}

export const PICKLE_RULES: readonly Rule[] = [
  UNSAFE_GLOBAL,
  UNKNOWN_GLOBAL,
  UNSAFE_CALL,
  COMPUTED_GLOBAL,
  COMPUTED_CALL,
  ATTRIBUTE_WALK,
  EXTENSION_CODE,
  STATE_OF_IMPORT,
  SPECIAL_STATE,
  METHOD_GADGET,
  NESTED_PICKLE,
  HIDDEN_PICKLE,
  FRAME_DISAGREEMENT,
  BROKEN_STREAM,
  OVER_BUDGET,
  TRAILING_DATA,
  PERSISTENT_ID,
  UNREAD_ARRAY,
  DTYPE_LIE,
  NUMPY_HEADER,
  OBJECT_ARRAY,
]
