import { parse, tokenize } from '@huggingface/jinja'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

/** Attribute names that no chat template needs and every escape from Jinja's sandbox goes through. */
const DUNDER = /__\w+__/
const REACHING = new Set([
  'mro',
  'base',
  'bases',
  'subclasses',
  'globals',
  'builtins',
  'import',
  'popen',
  'system',
  'getattr',
  'eval',
  'exec',
  'gi_frame',
  'gi_code',
  'f_globals',
  'f_locals',
  'f_builtins',
  'tb_frame',
  'func_globals',
  'func_code',
  'cr_frame',
  'ag_frame',
  'os',
  'subprocess',
  'sys',
  'importlib',
  'compile',
  'open',
  'check_output',
  'environ',
  'modules',
])
/** Objects that Flask and Jinja put into reach and from which the interpreter is reached. */
const REACHING_ROOTS = new Set([
  'self',
  'cycler',
  'joiner',
  'lipsum',
  'config',
  'request',
  'session',
  'g',
  'url_for',
  'get_flashed_messages',
  'application',
  'current_app',
  'os',
  'subprocess',
  'sys',
  'getattr',
  'eval',
  'exec',
  'open',
  'compile',
  'globals',
  'locals',
  'vars',
  'builtins',
])
const MAX_TEMPLATE = 1024 * 1024
const MAX_NODES = 200_000

/**
 * Examines a Jinja template by its syntax tree, not by its text: a name may be spelt as an attribute, a subscript, an
 * argument of `attr` or a concatenation. Text outside of expressions is what the template prints and is never judged.
 */
export function checkTemplate(
  blob: Blob,
  template: string,
  where: string,
  context: CheckContext,
  offset?: number,
): void {
  const report = (rule: string, message: string, evidence?: string) =>
    context.examination.report(rule, blob, {
      message: `${message} (${where})`,
      ...(offset === undefined ? {} : { offset }),
      ...(evidence === undefined ? {} : { evidence }),
    })
  if (!/\{[{%]/.test(template)) return
  if (template.length > MAX_TEMPLATE) {
    const reach = suspiciousText(template)
    if (reach !== undefined)
      report('template.injection', 'a template names an inner attribute of Python', reach)
    else report('content.unread', 'a template is longer than is read')
    return
  }
  let tree: unknown
  try {
    tree = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }))
  } catch {
    // Jinja has more syntax than this parser; what it cannot read is judged by what stands in its expressions.
    const reach = suspiciousText(template)
    if (reach !== undefined)
      report('template.injection', 'a template names an inner attribute of Python', reach)
    else if (/\{[{%][\s\S]*?[%}]\}/.test(template)) checkUnparsed(template, report)
    return
  }
  const found = examineTree(tree)
  if (found !== undefined) report(found.rule, found.message, found.evidence)
}

type Report = (rule: string, message: string, evidence?: string) => void

/** A template that our parser refuses: only what names nothing but formatting passes. */
function checkUnparsed(template: string, report: Report): void {
  if (/\{%-?\s*(?:include|import|from|extends)\b/.test(template)) {
    report('template.suspicious', 'a template loads another template')
    return
  }
  for (const [expression] of template.matchAll(/\{[{%][\s\S]{0,20000}?[%}]\}/g)) {
    // A subscript put together from pieces can spell any name.
    if (
      /\[[^\]'"]{0,200}(?:['"][^'"]{0,200}['"])?\s*(?:~|\+|%|\|\s*(?:join|format|replace|reverse))/.test(
        expression,
      )
    ) {
      report('template.suspicious', 'a template computes the name of what it reads', expression.slice(0, 100))
      return
    }
  }
}

interface Found {
  readonly rule: string
  readonly message: string
  readonly evidence: string
}

function examineTree(root: unknown): Found | undefined {
  const open: unknown[] = [root]
  let suspicious: Found | undefined
  for (let count = 0; open.length > 0 && count < MAX_NODES; count++) {
    const node = open.pop()
    if (Array.isArray(node)) open.push(...node)
    else if (node instanceof Map) open.push(...node.keys(), ...node.values())
    else if (typeof node === 'object' && node !== null) {
      const found = examineNode(node)
      if (found?.rule === 'template.injection') return found
      suspicious ??= found
      open.push(...Object.values(node).filter((value) => typeof value === 'object'))
    }
  }
  return suspicious
}

function examineNode(node: object): Found | undefined {
  const type = field(node, 'type')
  if (type === 'MemberExpression') return examineMember(node)
  if (type === 'CallExpression') {
    const callee = field(node, 'callee')
    const name = identifier(callee)
    if (name !== undefined && REACHING_ROOTS.has(name) && name !== 'self') {
      return injection('a template calls a function of the interpreter', name)
    }
  }
  if (type === 'FilterExpression' || type === 'FilterStatement') {
    const filter = field(node, 'filter')
    const callee =
      isObject(filter) && field(filter, 'type') === 'CallExpression' ? field(filter, 'callee') : filter
    if (identifier(callee) === 'attr')
      return injection('a template reads an attribute by a computed name', 'attr')
    if (
      identifier(callee) === 'map' &&
      isObject(filter) &&
      JSON.stringify(field(filter, 'args') ?? '').includes('__')
    ) {
      return injection('a template maps an inner attribute of Python', 'map')
    }
  }
  if (type === 'StringLiteral') {
    const value = field(node, 'value')
    if (typeof value === 'string') return examineText(value)
  }
  return undefined
}

function examineMember(node: object): Found | undefined {
  const property = field(node, 'property')
  const name = identifier(property) ?? constantText(property)
  const root = identifier(field(node, 'object'))
  if (name !== undefined && DUNDER.test(name))
    return injection('a template reads an inner attribute of Python', name)
  if (name !== undefined && REACHING.has(name) && name !== 'open' && name !== 'base') {
    const isCommon =
      name === 'system' || name === 'import' || name === 'modules' || name === 'os' || name === 'compile'
    const isPlainRoot = root !== undefined && !REACHING_ROOTS.has(root)
    if (!(isCommon && isPlainRoot)) return injection('a template reaches for the interpreter', name)
  }
  if (
    root !== undefined &&
    REACHING_ROOTS.has(root) &&
    root !== 'self' &&
    root !== 'config' &&
    root !== 'g'
  ) {
    return injection('a template reaches for the interpreter', root)
  }
  return undefined
}

/** Inner names spelt as text, plainly or escaped, are there to be looked up. */
function examineText(value: string): Found | undefined {
  const decoded = value.replaceAll(
    /\\+x([0-9a-f]{2})|\\+u00([0-9a-f]{2})/gi,
    (_all, a?: string, b?: string) => String.fromCharCode(Number.parseInt(a ?? b ?? '0', 16)),
  )
  const match =
    /__(class|base|bases|mro|subclasses|globals|builtins|import|init|getattribute|dict|reduce|code|self|module|loader|getitem|call|new)__/.exec(
      decoded,
    )
  return match === null
    ? undefined
    : injection('a template holds the name of an inner attribute of Python', match[0])
}

/** Concatenations of texts, so that `'__cl' ~ 'ass__'` is one name. */
function constantText(node: unknown): string | undefined {
  if (!isObject(node)) return undefined
  const value = field(node, 'value')
  if (field(node, 'type') === 'StringLiteral' && typeof value === 'string') {
    return value.replaceAll(/\\+x([0-9a-f]{2})/gi, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
  }
  if (field(node, 'type') === 'BinaryExpression') {
    const left = constantText(field(node, 'left'))
    const right = constantText(field(node, 'right'))
    return left === undefined || right === undefined ? undefined : left + right
  }
  return undefined
}

function suspiciousText(template: string): string | undefined {
  for (const [expression] of template.matchAll(/\{[{%][\s\S]{0,20000}?[%}]\}/g)) {
    const found = examineText(expression)
    if (found !== undefined) return found.evidence
    const reach = /\|\s*attr\s*\(|\b(?:popen|subprocess|os\.system|import_module)\b/.exec(expression)
    if (reach !== null) return reach[0]
  }
  return undefined
}

function injection(message: string, evidence: string): Found {
  return { rule: 'template.injection', message, evidence }
}

function identifier(node: unknown): string | undefined {
  const value = isObject(node) && field(node, 'type') === 'Identifier' ? field(node, 'value') : undefined
  return typeof value === 'string' ? value : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function field(node: unknown, name: string): unknown {
  return isObject(node) && name in node ? Reflect.get(node, name) : undefined
}
