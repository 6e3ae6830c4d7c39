import { CHECK_RULES } from './checks/rules.ts'
import { ARCHIVE, CODE_CARRYING_FORMAT, EXECUTABLE, SCRIPT } from './code-carriers.ts'
import { ONNX_RULES } from './onnx/rules.ts'
import { PICKLE_RULES } from './pickle/rules.ts'
import type { Rule } from './report.ts'
import { UNKNOWN_YAML_TAG, UNREAD_TEXT, UNSAFE_YAML_TAG } from './text-rules.ts'

export const UNKNOWN_FORMAT: Rule = {
  id: 'scan.unknown-format',
  severity: 'high',
  title: 'A file of no known format',
  references: [{ scheme: 'CWE', id: 'CWE-434' }],
  isUnread: true,
}

export const UNREADABLE_FILE: Rule = {
  id: 'scan.unreadable-file',
  severity: 'high',
  title: 'A file that could not be read whole',
  references: [{ scheme: 'CWE', id: 'CWE-754' }],
  isUnread: true,
}

export const OVERSIZED_FILE: Rule = {
  id: 'scan.oversized-file',
  severity: 'high',
  title: 'A file larger than the scanner reads',
  references: [{ scheme: 'CWE', id: 'CWE-770' }],
  isUnread: true,
}

/** Every rule of the scanner. Each has its page under docs/rules/. */
export const RULES: readonly Rule[] = [
  UNKNOWN_FORMAT,
  UNREADABLE_FILE,
  OVERSIZED_FILE,
  EXECUTABLE,
  CODE_CARRYING_FORMAT,
  ARCHIVE,
  SCRIPT,
  UNSAFE_YAML_TAG,
  UNKNOWN_YAML_TAG,
  UNREAD_TEXT,
  ...ONNX_RULES,
  ...CHECK_RULES,
  ...PICKLE_RULES,
]

const RULE_OF_ID = new Map(RULES.map((rule) => [rule.id, rule]))

/** The rule of an id. An id that is not registered is a defect of the scanner. */
export function ruleById(id: string): Rule {
  const rule = RULE_OF_ID.get(id)
  if (rule === undefined) throw new TypeError(`the scanner has no rule ${id}`)
  return rule
}

const UNREAD_RULES = new Set(RULES.filter((rule) => rule.isUnread === true).map((rule) => rule.id))

/** Whether a finding of the rule means that bytes were not understood. */
export function isUnreadRule(rule: string): boolean {
  return UNREAD_RULES.has(rule)
}
