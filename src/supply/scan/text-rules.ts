import type { Rule } from './report.ts'

export const UNSAFE_YAML_TAG: Rule = {
  id: 'text.unsafe-yaml-tag',
  severity: 'critical',
  title: 'A YAML tag that makes a loader call code',
  references: [
    { scheme: 'CWE', id: 'CWE-502' },
    { scheme: 'MITRE-ATLAS', id: 'AML.T0011.000' },
  ],
}

export const UNKNOWN_YAML_TAG: Rule = {
  id: 'text.unknown-yaml-tag',
  severity: 'medium',
  title: 'A YAML tag outside the core schema',
  references: [{ scheme: 'CWE', id: 'CWE-502' }],
}

export const UNREAD_TEXT: Rule = {
  id: 'text.unread',
  severity: 'high',
  title: 'A text that its format does not allow',
  references: [{ scheme: 'CWE', id: 'CWE-20' }],
  isUnread: true,
}
