import { parseAllDocuments, visit } from 'yaml'
import type { JsonNode } from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { checkConfiguration } from './config.ts'
import { checkYamlTags } from './yaml-tags.ts'

const MAX_YAML = 4 * 1024 * 1024
/** YAML: tags that build objects, then everything that a configuration may make a loader do. */
export function checkYaml(blob: Blob, text: string, context: CheckContext): void {
  checkYamlTags(blob, text, context)
  if (text.length > MAX_YAML || isNestedDeeply(text)) {
    context.examination.report('content.unread', blob, {
      message: 'the YAML is longer or deeper than is read',
    })
    return
  }
  try {
    const documents = parseAllDocuments(text, { logLevel: 'silent', uniqueKeys: false })
    for (const document of 'empty' in documents ? [] : documents) {
      visit(document, {
        Pair: (_index, pair) => {
          const key = pair.key
          const value = pair.value
          const name = isScalar(key) ? String(key.value) : ''
          if (isScalar(value) && typeof value.value === 'string') {
            const node: JsonNode = { kind: 'string', value: value.value }
            checkConfiguration(blob, { kind: 'object', entries: [[name, node]] }, context)
          } else if (isScalar(value) && typeof value.value === 'boolean') {
            const node: JsonNode = { kind: 'other', value: value.value }
            checkConfiguration(blob, { kind: 'object', entries: [[name, node]] }, context)
          } else if (name === 'auto_map') {
            checkConfiguration(
              blob,
              { kind: 'object', entries: [[name, { kind: 'string', value: String(value) }]] },
              context,
            )
          }
        },
      })
    }
  } catch {
    context.examination.report('content.unread', blob, { message: 'the YAML could not be read' })
  }
}

function isScalar(node: unknown): node is { value: unknown } {
  return (
    typeof node === 'object' && node !== null && 'value' in node && !('items' in node) && !('key' in node)
  )
}

function isNestedDeeply(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '[' || character === '{') depth++
    else if ((character === ']' || character === '}') && depth > 0) depth--
    if (depth > 200) return true
  }
  return /^(?:\s{0,8}-){100}/m.test(text) || /^ {800}/m.test(text)
}
