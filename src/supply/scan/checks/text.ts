import { type ByteSource, readAll } from '../../../formats/index.ts'
import { type Blob, baseName, extensionOf } from '../engine/blob.ts'
import { once } from '../engine/once.ts'
import type { CheckContext } from './check.ts'
import { scriptLine } from './formats.ts'
import { checkAssignedSecrets, checkSecrets, checkText, isEnvironmentFile } from './indicators.ts'
import { checkYamlTags } from './yaml-tags.ts'

// Loaded when needed: a worker that only sees weights stays small.
const config = once(() => import('./config.ts'))
const python = once(() => import('./python.ts'))
const savedModel = once(() => import('./savedmodel.ts'))
const template = once(() => import('./template.ts'))
const xml = once(() => import('./xml.ts'))
const yaml = once(() => import('./yaml.ts'))

const SAMPLE_BYTES = 64 * 1024

/** Whether bytes are UTF-8 text, judged by their beginning, middle and end. */
export function isTextSource(head: Buffer, source: ByteSource): boolean {
  if (!isText(head)) return false
  const middle = Buffer.from(source.read(Math.floor(source.size / 2), SAMPLE_BYTES))
  const end = Buffer.from(source.read(Math.max(0, source.size - SAMPLE_BYTES), SAMPLE_BYTES))
  return isText(Buffer.from(source.read(0, SAMPLE_BYTES))) && isText(middle) && isText(end)
}

function isText(bytes: Buffer): boolean {
  for (const byte of bytes)
    if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 12 && byte !== 27) return false
  const text = bytes.toString('utf8')
  // Pieces may begin and end inside a character.
  return !text.slice(4, -4).includes('\ufffd') || bytes.includes('\ufffd')
}

const SCRIPTS = new Set('sh bash zsh fish ps1 psm1 bat cmd vbs js mjs cjs rb pl php lua'.split(' '))
const TEMPLATES = new Set(['jinja', 'jinja2', 'j2', 'template', 'tmpl', 'tpl'])
const CHECKED = new Set(['json', 'yaml', 'yml', 'py', 'xml', 'pmml', 'pbtxt', ...TEMPLATES])

/** Examines text as what its name and its beginning say it may be. */
export async function checkTextBlob(blob: Blob, context: CheckContext): Promise<void> {
  const extension = extensionOf(blob.name)
  const bytes = readAll(blob.source, context.examination.options.budget.maxWholeBytes)
  if (bytes === undefined) {
    if (CHECKED.has(extension))
      context.examination.report('content.unread', blob, { message: 'the text is longer than is read' })
    return
  }
  const text = bytes.toString('utf8').replace(/^\ufeff/, '')
  const begin = text.trimStart().slice(0, 2000)
  const shebang = scriptLine(text)
  checkSecrets(blob, text, 'file', context)
  if (isEnvironmentFile(blob.name)) checkAssignedSecrets(blob, text, context)
  if (
    extension === 'py' ||
    extension === 'pyw' ||
    /python/.test(shebang ?? '') ||
    (extension === '' && /^\s*(?:import|from|def|class|@|exec|eval|#)/.test(text))
  ) {
    const { checkPython, isPythonSource } = await python()
    const isPython = extension !== '' || isPythonSource(text)
    // TorchScript is written as Python and is not Python.
    if (isPython && blob.profile !== 'torchscript') checkPython(blob, text, context)
    if (isPython) return
  }
  if (shebang !== undefined || SCRIPTS.has(extension)) {
    const message = 'the file is a script, which nothing needs to load a model'
    context.examination.report('content.script', blob, {
      message,
      offset: 0,
      evidence: shebang ?? baseName(blob.name),
    })
    checkText(blob, text, 'script', context)
    return
  }
  if (/^[{[]/.test(begin) && extension !== 'jsonl' && !/^\{[{%#]/.test(begin)) {
    const { checkJson, checkSkops } = await config()
    if (baseName(blob.name) === 'schema.json' && text.includes('"__loader__"'))
      checkSkops(blob, text, context)
    else if (checkJson(blob, text, context)) return
    else if (extension === 'json')
      context.examination.report('content.unread', blob, { message: 'the file is named JSON and is not' })
  }
  if (/^<(?:\?xml|!DOCTYPE|net\b|PMML\b|!--)/i.test(begin) && !/^<!DOCTYPE html/i.test(begin)) {
    const { checkXml } = await xml()
    checkXml(blob, text, context)
    return
  }
  if (extension === 'yaml' || extension === 'yml') {
    const { checkYaml } = await yaml()
    checkYaml(blob, text, context)
    return
  }
  // Prose shows such tags; a loader of YAML is not given prose.
  const isProse = /^(?:md|markdown|rst|html?|tex)$/.test(extension)
  if (!isProse) checkYamlTags(blob, text, context)
  if (extension === 'pbtxt' || /\bnode\s*\{[\s\S]{0,2000}\bop\s*:/.test(text.slice(0, 100_000))) {
    const { checkSavedModelText } = await savedModel()
    checkSavedModelText(blob, text, context)
  }
  if (/^tree\s*\nversion=/.test(begin)) {
    const { checkLightGbm } = await config()
    checkLightGbm(blob, text, context)
  }
  if (TEMPLATES.has(extension) || (/\{[{%]/.test(text) && !isProse)) {
    const { checkTemplate } = await template()
    checkTemplate(blob, text, 'file', context)
  }
}
