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
  // JSON.stringify writes numbers, strings and literals exactly as RFC 8785 asks (section 3.2.2 takes them from
  // ECMAScript), so an object whose members already stand in order needs no second serialiser. This is the hot path.
  if (isInOrder(value, 0)) return JSON.stringify(value)
  const text = canonicalize(value)
  if (text === undefined) throw notJson('undefined')
  return text
}

/** Throws on what is not JSON; tells whether every object's members are enumerated in UTF-16 order (section 3.2.3). */
function isInOrder(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw notJson('a string with a lone surrogate')
      return true
    case 'number':
      if (!Number.isFinite(value)) throw notJson('a number that is not finite')
      return true
    case 'boolean':
      return true
    case 'object':
      if (value === null) return true
      if (depth === MAXIMUM_DEPTH) throw notJson(`a value nested deeper than ${MAXIMUM_DEPTH}`)
      return Array.isArray(value) ? isArrayInOrder(value, depth) : isObjectInOrder(value, depth)
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

function isObjectInOrder(object: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) throw notJson('an object with a prototype')
  let ordered = true
  let previous = ''
  let isFirst = true
  for (const [key, member] of Object.entries(object)) {
    if (!key.isWellFormed()) throw notJson('a name with a lone surrogate')
    if (key === 'toJSON' && typeof member === 'function') throw notJson('an object with toJSON')
    if (member === undefined) continue
    if (!isFirst && key < previous) ordered = false
    isFirst = false
    previous = key
    if (!isInOrder(member, depth + 1)) ordered = false
  }
  return ordered
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
