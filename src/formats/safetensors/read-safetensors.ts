import type { Anomaly } from '../anomaly.ts'
import { type ByteSource, Cursor } from '../bytes/index.ts'
import { type JsonNode, jsonMember, jsonString, readJson } from '../json/index.ts'

export interface SafetensorsReading {
  readonly isSafetensors: boolean
  readonly tensorCount: number
  readonly metadata: readonly (readonly [string, string])[]
  readonly anomalies: readonly Anomaly[]
}

/** The reference implementation's own limit. */
const MAX_HEADER_BYTES = 100_000_000
const MAX_ANOMALIES = 100
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
}

interface Extent {
  readonly name: string
  readonly start: number
  readonly end: number
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors, format section): a 64-bit length, a JSON header,
 * then the tensors, which must cover the rest of the file exactly, without overlap or hole.
 */
export function readSafetensors(source: ByteSource): SafetensorsReading {
  const cursor = new Cursor(source)
  const headerBytes = cursor.u64()
  const anomalies: Anomaly[] = []
  const note = (code: string, message: string, offset: number, isUnread = false) => {
    if (anomalies.length < MAX_ANOMALIES) anomalies.push({ code, message, offset, isUnread })
  }
  const none = { isSafetensors: false, tensorCount: 0, metadata: [], anomalies }
  if (source.size < 10 || source.read(8, 1)[0] !== 0x7b) return none
  if (headerBytes > MAX_HEADER_BYTES || headerBytes > source.size - 8) {
    if (source.size > 64 && source.read(8, 2)[1] !== 0x22) return none
    if (headerBytes > 2 ** 40) return none
    note('header-length', 'the header is said to be longer than it may be', 0, true)
    return { ...none, isSafetensors: true }
  }
  const text = Buffer.from(source.read(8, headerBytes)).toString('utf8')
  const { value, anomalies: jsonAnomalies } = readJson(text.trimEnd())
  if (value?.kind !== 'object') {
    if (jsonAnomalies.some((anomaly) => anomaly.code === 'not-json') && !text.includes('"data_offsets"'))
      return none
    note('header-unread', 'the header is not JSON', 8, true)
    return { ...none, isSafetensors: true }
  }
  for (const anomaly of jsonAnomalies)
    note(anomaly.code, anomaly.message, 8 + anomaly.offset, anomaly.isUnread)
  const metadata: [string, string][] = []
  const extents: Extent[] = []
  for (const [name, entry] of value.entries) {
    if (name === '__metadata__') {
      if (entry.kind !== 'object') note('metadata', 'the metadata is not an object', 8)
      for (const [key, text] of entry.kind === 'object' ? entry.entries : []) {
        if (text.kind === 'string') metadata.push([key, text.value])
        else note('metadata', 'a metadata value is not text', 8)
      }
      continue
    }
    const extent = readEntry(name, entry, note)
    if (extent !== undefined) extents.push(extent)
  }
  noteCover(extents, source.size - 8 - headerBytes, 8 + headerBytes, note)
  return { isSafetensors: true, tensorCount: extents.length, metadata, anomalies }
}

type Note = (code: string, message: string, offset: number, isUnread?: boolean) => void

function readEntry(name: string, entry: JsonNode, note: Note): Extent | undefined {
  const dtype = jsonString(entry, 'dtype')
  const shape = numbers(jsonMember(entry, 'shape'))
  const offsets = numbers(jsonMember(entry, 'data_offsets'))
  const [start, end] = offsets ?? []
  if (
    dtype === undefined ||
    shape === undefined ||
    start === undefined ||
    end === undefined ||
    offsets?.length !== 2
  ) {
    note('entry', 'a tensor has no type, shape or place', 8)
    return undefined
  }
  const bits = BITS[dtype]
  if (bits === undefined) note('dtype', 'a tensor has a type that is not defined', 8)
  if (start > end) note('negative-size', 'a tensor ends before it begins', 8)
  const elements = shape.reduce((product, dimension) => product * dimension, 1)
  if (bits !== undefined && Math.ceil((elements * bits) / 8) !== end - start) {
    note('size-lies', 'a tensor is not as large as its type and shape say', 8)
  }
  return { name, start, end }
}

function numbers(node: JsonNode | undefined): number[] | undefined {
  if (node?.kind !== 'array') return undefined
  const values: number[] = []
  for (const item of node.items) {
    if (item.kind !== 'other' || typeof item.value !== 'number') return undefined
    if (!Number.isSafeInteger(item.value) || item.value < 0) return undefined
    values.push(item.value)
  }
  return values
}

function noteCover(extents: readonly Extent[], size: number, base: number, note: Note): void {
  let at = 0
  for (const extent of extents.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (extent.start > at) note('hole', `${extent.start - at} bytes belong to no tensor`, base + at)
    if (extent.start < at) note('overlap', 'two tensors share bytes', base + extent.start)
    at = Math.max(at, extent.end)
  }
  if (at > size) note('truncated', 'a tensor lies past the end of the file', base + size)
  if (at < size) note('trailing-data', `${size - at} bytes follow the last tensor`, base + at)
}
