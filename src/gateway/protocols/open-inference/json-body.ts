import { isAscii, isUtf8 } from 'node:buffer'
import { malformed } from '../../refusal.ts'

export interface JsonBudget {
  readonly maxJsonDepth: number
  readonly maxJsonContainers: number
}

/** A parsed body, and how many name/value pairs its text has: more than the value shows if a name stood twice. */
export interface JsonBody {
  readonly text: string
  readonly value: unknown
  readonly pairs: number
}

/**
 * Parses UTF-8 JSON from a client. Depth and the number of containers are checked before anything is built.
 * Throws a Refusal: `gateway.invalid-utf8`, `gateway.json-budget`, `gateway.invalid-json`.
 */
export function parseJsonBody(bytes: Buffer, budget: JsonBudget): JsonBody {
  const text = decode(bytes)
  const pairs = scan(bytes, budget)
  return { text, value: parse(text), pairs }
}

/**
 * The same text with every integer that a number cannot hold exactly as a bigint. Slower: for the bodies that have
 * such integers only.
 */
export function parseExactly(text: string): unknown {
  const revive = (_name: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    const source = context?.source
    // No 64-bit integer has more digits, and making a bigint of very many digits takes more than linear time.
    return source !== undefined && INTEGER.test(source) ? BigInt(source) : value
  }
  return JSON.parse(text, revive)
}

const INTEGER = /^-?\d{1,20}$/

function decode(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw malformed('gateway.invalid-utf8', 'the JSON of the request is not valid UTF-8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text around the error, so it is not kept.
    throw malformed('gateway.invalid-json', 'the request is not valid JSON')
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/**
 * One pass over the bytes: refuses what nests too deep or has too many containers; counts colons outside of strings.
 * Bytes are four times as fast to look at as a string's characters, and in UTF-8 no byte of another character equals
 * one of these. What it makes of malformed JSON does not matter: the parser refuses that.
 */
function scan(bytes: Uint8Array, budget: JsonBudget): number {
  const { length } = bytes
  let depth = 0
  let deepest = 0
  let containers = 0
  let pairs = 0
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      for (at++; at < length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
    } else if (byte === COLON) {
      pairs++
    } else if (byte === 0x5b || byte === 0x7b) {
      containers++
      if (++depth > deepest) deepest = depth
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--
    }
  }
  if (deepest > budget.maxJsonDepth) {
    throw malformed('gateway.json-budget', `the JSON nests deeper than ${budget.maxJsonDepth} levels`)
  }
  if (containers > budget.maxJsonContainers) {
    const most = budget.maxJsonContainers
    throw malformed('gateway.json-budget', `the JSON has more than ${most} objects and arrays`)
  }
  return pairs
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How many name/value pairs a value holds, nested ones included. Depth is bounded by the scan before. */
export function countPairs(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let pairs = 0
  if (Array.isArray(value)) {
    for (const element of value) pairs += countPairs(element)
    return pairs
  }
  for (const member of Object.values(value)) pairs += 1 + countPairs(member)
  return pairs
}
