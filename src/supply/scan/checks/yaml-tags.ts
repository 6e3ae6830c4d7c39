import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

const PLAIN_PYTHON_TAG = /python\/(?:tuple|unicode|str|int|float|bool|list|dict|complex|long|none|bytes)\b/
const UNSAFE_TAG =
  /(?:!!?|tag:yaml\.org,2002:)(?:python|ruby|perl|php|java|javax|js|net|apply|new|object)[/:][^\s,[\]{}]{0,200}|!!?(?:java|javax|com|org|sun)\.[\w.]+|%TAG[^\n]{0,200}python[^\n]{0,200}/g

/** In any text: a loader may be given a file of another name. */
export function checkYamlTags(blob: Blob, text: string, context: CheckContext): void {
  for (const match of text.matchAll(UNSAFE_TAG)) {
    if (PLAIN_PYTHON_TAG.test(match[0])) continue
    const message = 'a YAML tag makes an unsafe loader build an object of any type'
    context.examination.report('yaml.unsafe-tag', blob, { message, offset: match.index, evidence: match[0] })
  }
}
