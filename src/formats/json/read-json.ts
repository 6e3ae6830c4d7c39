import type { Anomaly } from '../anomaly.ts'

/** A JSON value that keeps every entry of an object, also those of the same name: loaders differ in which they take. */
export type JsonNode =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, JsonNode])[] }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'other'; readonly value: number | boolean | null }

export interface JsonReading {
  /** Undefined where the text is not JSON. */
  readonly value: JsonNode | undefined
  readonly anomalies: readonly Anomaly[]
}

const MAX_DEPTH = 256
const MAX_NODES = 2_000_000
const MAX_ANOMALIES = 50

/** Reads RFC 8259 JSON, and with it what Python's json module takes besides (NaN, Infinity, a byte order mark). */
export function readJson(text: string): JsonReading {
  const reader = new JsonReader(text)
  const value = reader.read()
  return { value, anomalies: reader.anomalies }
}

class Unreadable extends Error {}

class JsonReader {
  readonly anomalies: Anomaly[] = []
  readonly #text: string
  #at = 0
  #nodes = 0

  constructor(text: string) {
    this.#text = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }

  read(): JsonNode | undefined {
    try {
      const value = this.#value(0)
      this.#space()
      if (this.#at < this.#text.length) this.#note('trailing-text', 'text follows the JSON value')
      return value
    } catch (thrown) {
      if (!(thrown instanceof Unreadable)) throw thrown
      this.anomalies.push({ code: 'not-json', message: thrown.message, offset: this.#at, isUnread: true })
      return undefined
    }
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) throw new Unreadable(`JSON nests deeper than ${MAX_DEPTH}`)
    if (++this.#nodes > MAX_NODES) throw new Unreadable(`JSON holds more than ${MAX_NODES} values`)
    this.#space()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    if (first === '"') return { kind: 'string', value: this.#string() }
    const word = /(?:true|false|null|NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
    word.lastIndex = this.#at
    const match = word.exec(this.#text)?.[0]
    if (match === undefined) throw new Unreadable('no JSON value where one must stand')
    this.#at += match.length
    if (match === 'true' || match === 'false') return { kind: 'other', value: match === 'true' }
    return { kind: 'other', value: match === 'null' ? null : Number(match) }
  }

  #object(depth: number): JsonNode {
    const entries: [string, JsonNode][] = []
    const names = new Set<string>()
    this.#at++
    this.#space()
    if (this.#take('}')) return { kind: 'object', entries }
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw new Unreadable('a name must stand here')
      const name = this.#string()
      if (names.has(name)) this.#note('duplicate-key', 'an object has two entries of one name')
      names.add(name)
      this.#space()
      if (!this.#take(':')) throw new Unreadable('a colon must stand here')
      entries.push([name, this.#value(depth + 1)])
      this.#space()
      if (this.#take('}')) return { kind: 'object', entries }
      if (!this.#take(',')) throw new Unreadable('a comma must stand here')
    }
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = []
    this.#at++
    this.#space()
    if (this.#take(']')) return { kind: 'array', items }
    for (;;) {
      items.push(this.#value(depth + 1))
      this.#space()
      if (this.#take(']')) return { kind: 'array', items }
      if (!this.#take(',')) throw new Unreadable('a comma must stand here')
    }
  }

  #string(): string {
    const start = this.#at
    let at = start + 1
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === 0x5c) at++
      else if (code === 0x22) break
    }
    if (at >= this.#text.length) throw new Unreadable('a string does not end')
    this.#at = at + 1
    const raw = this.#text.slice(start + 1, at)
    return raw.includes('\\') ? decodeEscapes(raw) : raw
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #note(code: string, message: string): void {
    if (this.anomalies.length < MAX_ANOMALIES)
      this.anomalies.push({ code, message, offset: this.#at, isUnread: false })
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

function decodeEscapes(raw: string): string {
  return raw.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g,
    (_all, hex: string | undefined, simple: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
      return ESCAPES[simple ?? ''] ?? simple ?? ''
    },
  )
}

/** The value under a name, the last one where there are several, as Python's json takes it. */
export function member(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (node?.kind !== 'object') return undefined
  return node.entries.findLast(([own]) => own === name)?.[1]
}

export function stringAt(node: JsonNode | undefined, name: string): string | undefined {
  const value = member(node, name)
  return value?.kind === 'string' ? value.value : undefined
}

/** Every node of a tree with the JSON pointer to it; iterative, so that depth costs no stack. */
export function* walkJson(
  root: JsonNode,
): Generator<{ readonly node: JsonNode; readonly path: string; readonly key: string }> {
  const open: { node: JsonNode; path: string; key: string }[] = [{ node: root, path: '', key: '' }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next
    const { node, path } = next
    if (node.kind === 'object') {
      for (const [key, child] of node.entries) open.push({ node: child, path: `${path}/${key}`, key })
    } else if (node.kind === 'array') {
      node.items.forEach((child, index) => {
        open.push({ node: child, path: `${path}/${index}`, key: next.key })
      })
    }
  }
}
