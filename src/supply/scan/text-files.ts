import { LineCounter, parseAllDocuments, visit } from 'yaml'
import type { Finding } from '../../core/index.ts'
import { SCRIPT } from './code-carriers.ts'
import { FindingList } from './finding-list.ts'
import type { FormatReader } from './reader.ts'
import { UNKNOWN_YAML_TAG, UNREAD_TEXT, UNSAFE_YAML_TAG } from './text-rules.ts'

const MAX_TEXT_BYTES = 16 * 1024 * 1024
const MAX_YAML_BYTES = 1024 * 1024
const MAX_NESTING = 64

/** UTF-8 without control characters: model cards, manifests, configurations. What a name makes of it is checked too. */
export const TEXT_READER: FormatReader = { format: 'text', recognises: isText, check: checkText }

function isText(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false
  }
  return isUtf8(bytes)
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function checkText(bytes: Uint8Array, path: string): Finding[] {
  const findings = new FindingList(path)
  if (bytes.length > MAX_TEXT_BYTES) {
    findings.add(UNREAD_TEXT, `a text of more than ${MAX_TEXT_BYTES} bytes is not read`)
    return findings.finish()
  }
  const text = new TextDecoder('utf-8').decode(bytes)
  const extension = /\.([a-z0-9]+)$/.exec(path.toLowerCase())?.[1] ?? ''
  if (SCRIPT_EXTENSIONS.has(extension) || isPythonSource(text)) {
    findings.add(SCRIPT, 'the file is source code, which is not let in', { offset: 0 })
  } else if (extension === 'json') {
    checkJson(text, findings)
  } else if (extension === 'yaml' || extension === 'yml') {
    checkYaml(text, findings)
  } else if (extension !== 'md') {
    checkHiddenYaml(text, findings)
  }
  return findings.finish()
}

const SCRIPT_EXTENSIONS = new Set(
  'py pyw pyi sh bash zsh fish ps1 psm1 bat cmd vbs js mjs cjs ts mts jsx tsx rb pl pm php lua r jl scala groovy java kt go rs c cc cpp h hpp cs swift ipynb'.split(
    ' ',
  ),
)

/** The first line that says anything is Python's: no text for people and no configuration begins like this. */
function isPythonSource(text: string): boolean {
  for (const line of text.slice(0, 64 * 1024).split('\n')) {
    const content = line.trim()
    if (content === '' || content.startsWith('#')) continue
    return /^(?:import [\w., ]+|from [\w.]+ import [\w.,* ()]+|def \w+\(.*|class \w+[(:].*|@\w[\w.]*|exec\(.*|eval\(.*)$/.test(
      content,
    )
  }
  return false
}

function checkJson(text: string, findings: FindingList): void {
  try {
    JSON.parse(text)
  } catch {
    findings.add(UNREAD_TEXT, 'the file is named JSON and is not')
  }
}

/** The tags of YAML 1.1 and 1.2 that stand for plain data. */
const PLAIN_TAGS = new Set(
  'str int float bool null map seq binary timestamp merge set omap pairs'
    .split(' ')
    .map((name) => `tag:yaml.org,2002:${name}`),
)
/** Loaders of these languages build objects, and so call code, for tags that name them. */
const CODE_TAG = /(?:python|ruby|perl|php|java|javax|js|net|object|apply|new)[/:.]/i

function checkYaml(text: string, findings: FindingList): void {
  if (text.length > MAX_YAML_BYTES) {
    findings.add(UNREAD_TEXT, `YAML of more than ${MAX_YAML_BYTES} characters is not read`)
    return
  }
  // Before the parser, because it recurses.
  if (isNestedTooDeep(text)) {
    findings.add(UNREAD_TEXT, `YAML nests deeper than ${MAX_NESTING}`)
    return
  }
  try {
    const lines = new LineCounter()
    const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: 'silent', uniqueKeys: true })
    for (const document of 'empty' in documents ? [] : documents) {
      if (document.errors.length > 0) findings.add(UNREAD_TEXT, 'the file is named YAML and is not')
      visit(document, {
        Node: (_key, node) => {
          if ('tag' in node && typeof node.tag === 'string')
            checkTag(node.tag, node.range?.[0] ?? 0, findings)
        },
      })
    }
  } catch {
    findings.add(UNREAD_TEXT, 'the file is named YAML and cannot be read')
  }
  checkHiddenYaml(text, findings)
}

function checkTag(tag: string, offset: number, findings: FindingList): void {
  if (PLAIN_TAGS.has(tag)) return
  const rule = CODE_TAG.test(tag) ? UNSAFE_YAML_TAG : UNKNOWN_YAML_TAG
  findings.add(rule, 'a YAML value is of a type that its loader must build', { offset }, tag)
}

/** A configuration under any name may be loaded as YAML, and a damaged one by a parser more lenient than ours. */
function checkHiddenYaml(text: string, findings: FindingList): void {
  for (const tag of ['!!python/', 'tag:yaml.org,2002:python/', '!ruby/', '!!java', '!!js/']) {
    const offset = text.indexOf(tag)
    if (offset >= 0)
      findings.add(UNSAFE_YAML_TAG, 'a YAML tag names a type of a programming language', { offset }, tag)
  }
}

function isNestedTooDeep(text: string): boolean {
  let depth = 0
  for (const line of text.split('\n')) {
    const indent = line.length - line.trimStart().length
    const dashes = /^[\s-]*/.exec(line)?.[0].replaceAll(/[^-]/g, '').length ?? 0
    if (indent > MAX_NESTING * 8 || dashes > MAX_NESTING) return true
    for (const character of line) {
      if (character === '[' || character === '{') depth++
      else if ((character === ']' || character === '}') && depth > 0) depth--
      if (depth > MAX_NESTING) return true
    }
  }
  return false
}
