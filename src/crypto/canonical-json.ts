import canonicalize from 'canonicalize'
import { type ArtifactId, type Manifest, SallyportError } from '../core/index.ts'
import { sha256 } from './digest.ts'

/** A value that JSON can hold without loss. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

const MAXIMUM_DEPTH = 64

/**
 * The RFC 8785 (JCS) text of a value. Members that are `undefined` are left out, as in `JSON.stringify`.
 *
 * @throws {SallyportError} `crypto.not-canonical-json` for what JSON cannot hold exactly (NaN, infinities, lone
 *   surrogates, functions, bigints, dates and other objects with a prototype) or what is nested deeper than 64.
 */
export function canonicalJson(value: unknown): string {
  const ordered = isInOrder(value, 0)
  const text = JSON.stringify(value)
  // A lone surrogate is written as the escape \ud…; a text without these letters has none.
  if (text.includes('\\ud')) assertWellFormed(value)
  // JSON.stringify writes numbers, strings and literals exactly as RFC 8785 asks (section 3.2.2 takes them from
  // ECMAScript), so a value whose members already stand in order needs no second serialiser. This is the hot path.
  return ordered ? text : (canonicalize(value) ?? text)
}

/** Throws on what is not JSON; tells whether every object's members are enumerated in UTF-16 order (section 3.2.3). */
function isInOrder(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      if (!Number.isFinite(value)) throw notJson('a number that is not finite')
      return true
    case 'object':
      if (value === null) return true
      if (depth === MAXIMUM_DEPTH) throw notJson(`a value nested deeper than ${MAXIMUM_DEPTH}`)
      if (Array.isArray(value)) return isArrayInOrder(value, depth)
      if (!isPlainObject(value)) throw notJson('an object with a prototype')
      return isObjectInOrder(value, depth)
    default:
      throw notJson(`a ${typeof value}`)
  }
}

function isArrayInOrder(array: readonly unknown[], depth: number): boolean {
  let ordered = true
  // By index, so that a hole is seen (and refused) as undefined.
  for (let index = 0; index < array.length; index++) {
    if (!isInOrder(array[index], depth + 1)) ordered = false
  }
  return ordered
}

function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isObjectInOrder(object: Readonly<Record<string, unknown>>, depth: number): boolean {
  let ordered = true
  let previous = ''
  let isFirst = true
  for (const key of Object.keys(object)) {
    const member = object[key]
    if (key === 'toJSON' && typeof member === 'function') throw notJson('an object with toJSON')
    if (member === undefined) continue
    if (!isFirst && key < previous) ordered = false
    isFirst = false
    previous = key
    if (!isInOrder(member, depth + 1)) ordered = false
  }
  return ordered
}

function assertWellFormed(value: unknown): void {
  if (typeof value === 'string' && !value.isWellFormed()) throw notJson('a string with a lone surrogate')
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) throw notJson('a name with a lone surrogate')
    assertWellFormed(member)
  }
}

function notJson(what: string): SallyportError {
  return new SallyportError('crypto.not-canonical-json', `${what} has no canonical JSON form`, {
    kind: 'invalid',
    remedy: 'use only plain objects, arrays, finite numbers, well-formed strings, booleans and null',
  })
}

/** The canonical bytes of a manifest: what is hashed, stored and handed to a worker. */
export function manifestBytes(manifest: Manifest): Buffer {
  return Buffer.from(canonicalJson(manifest), 'utf8')
}

/** The artifact's id: SHA-256 of its canonical manifest. */
export function manifestId(manifest: Manifest): ArtifactId {
  return sha256(manifestBytes(manifest))
}
