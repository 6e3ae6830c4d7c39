import type { Datatype, Tensor, TensorData } from '../../core/index.ts'
import { type FrameWriter, ProtocolViolation, padded } from './frame.ts'

export const MAX_RANK = 8
export const MAX_TENSORS = 1024

/** Position in this list is the datatype's number on the wire. Append only. */
export const WIRE_DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const satisfies readonly Datatype[]

const CODES = new Map<string, number>(WIRE_DATATYPES.map((datatype, code) => [datatype, code]))
const ELEMENT_SIZES = [1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 0] as const
const BYTES_CODE = 12
const TENSOR_HEADER_BYTES = 8
// A call into native code for a few characters costs more than writing them here.
const SHORT_TEXT = 32

/** What both sides know of a tensor from READY; on the wire a tensor is its position in that list. */
export interface DeclaredTensor {
  readonly name: string
  readonly datatype: Datatype
}

/** An upper bound of the encoded size of a tensor, in bytes. */
export function encodedBound(shape: readonly number[], data: TensorData): number {
  const head = TENSOR_HEADER_BYTES + padded(shape.length * 4)
  if (isTexts(data)) {
    let bytes = data.length * 4
    for (const text of data) bytes += text.length * 3
    return head + padded(bytes)
  }
  return head + padded(data.byteLength)
}

/**
 * Writes one tensor at the writer's end. The writer must have `encodedBound` bytes free, and `data` as many elements as
 * `shape` says; both are the caller's to check.
 */
export function encodeTensor(
  writer: FrameWriter,
  index: number,
  datatype: Datatype,
  shape: readonly number[],
  data: TensorData,
): void {
  const { bytes, words } = writer
  const start = writer.end
  let offset = start + TENSOR_HEADER_BYTES
  for (const dimension of shape) {
    words[offset >>> 2] = dimension
    offset += 4
  }
  if (shape.length % 2 === 1) {
    words[offset >>> 2] = 0
    offset += 4
  }
  const dataStart = offset
  if (isTexts(data)) {
    let text = offset + data.length * 4
    for (const element of data) {
      const written = writeText(bytes, text, element)
      words[offset >>> 2] = written
      offset += 4
      text += written
    }
    offset = text
  } else {
    bytes.set(
      data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      offset,
    )
    offset += data.byteLength
  }
  const dataBytes = offset - dataStart
  // Padding is cleared: the buffer is reused and still holds what another call wrote.
  while (offset % 8 !== 0) bytes[offset++] = 0
  const code = CODES.get(datatype) ?? 0
  words[start >>> 2] = index | (code << 16) | (shape.length << 24)
  words[(start >>> 2) + 1] = dataBytes
  writer.end = offset
}

function isTexts(data: TensorData): data is readonly string[] {
  return Array.isArray(data)
}

function writeText(bytes: Buffer, offset: number, text: string): number {
  const { length } = text
  if (length > SHORT_TEXT) return bytes.write(text, offset, 'utf8')
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) return bytes.write(text, offset, 'utf8')
    bytes[offset + index] = unit
  }
  return length
}

/**
 * Reads `count` tensors that fill exactly `bytes` from `start` to `end`. They must be `declared`, all of them, in order.
 * Elements are views into `bytes` where alignment allows it.
 * @throws ProtocolViolation
 */
export function decodeTensors(
  bytes: Buffer<ArrayBuffer>,
  view: DataView,
  start: number,
  end: number,
  count: number,
  declared: readonly DeclaredTensor[],
): Tensor[] {
  if (count !== declared.length) throw new ProtocolViolation('a frame has the wrong number of tensors')
  const tensors: Tensor[] = []
  let offset = start
  for (let position = 0; position < count; position++) {
    if (end - offset < TENSOR_HEADER_BYTES) throw new ProtocolViolation('a frame ends inside a tensor header')
    const word = view.getUint32(offset, true)
    const dataBytes = view.getUint32(offset + 4, true)
    const code = (word >>> 16) & 0xff
    const rank = word >>> 24
    const expected = declared[position]
    if (expected === undefined || (word & 0xffff) !== position) {
      throw new ProtocolViolation('a tensor is not the one expected at its place')
    }
    if (WIRE_DATATYPES[code] !== expected.datatype) {
      throw new ProtocolViolation('a tensor has another datatype than declared')
    }
    if (rank > MAX_RANK) throw new ProtocolViolation('a tensor has too many dimensions')
    offset += TENSOR_HEADER_BYTES
    const shapeBytes = padded(rank * 4)
    if (end - offset < shapeBytes) throw new ProtocolViolation('a frame ends inside a shape')
    const shape: number[] = []
    let elements = 1
    for (let axis = 0; axis < rank; axis++) {
      const dimension = view.getUint32(offset + axis * 4, true)
      shape.push(dimension)
      elements *= dimension
    }
    offset += shapeBytes
    // Compared before it is padded, so that no sum of untrusted numbers can pass the end.
    if (dataBytes > end - offset) throw new ProtocolViolation('a frame ends inside a tensor')
    const data =
      code === BYTES_CODE
        ? decodeTexts(bytes, view, offset, dataBytes, elements)
        : decodeNumbers(bytes, offset, dataBytes, elements, code)
    offset += padded(dataBytes)
    tensors.push({ name: expected.name, datatype: expected.datatype, shape, data })
  }
  if (offset !== end) throw new ProtocolViolation('a frame is longer than its tensors')
  return tensors
}

function decodeNumbers(
  bytes: Buffer<ArrayBuffer>,
  offset: number,
  dataBytes: number,
  elements: number,
  code: number,
): TensorData {
  const size = ELEMENT_SIZES[code] ?? 0
  if (elements * size !== dataBytes) throw new ProtocolViolation('a tensor has the wrong number of elements')
  let { buffer } = bytes
  let at = bytes.byteOffset + offset
  if (at % size !== 0) {
    buffer = buffer.slice(at, at + dataBytes)
    at = 0
  }
  switch (WIRE_DATATYPES[code]) {
    case 'BOOL':
      return booleans(new Uint8Array(buffer, at, elements))
    case 'UINT8':
      return new Uint8Array(buffer, at, elements)
    case 'UINT16':
    case 'FP16':
      return new Uint16Array(buffer, at, elements)
    case 'UINT32':
      return new Uint32Array(buffer, at, elements)
    case 'UINT64':
      return new BigUint64Array(buffer, at, elements)
    case 'INT8':
      return new Int8Array(buffer, at, elements)
    case 'INT16':
      return new Int16Array(buffer, at, elements)
    case 'INT32':
      return new Int32Array(buffer, at, elements)
    case 'INT64':
      return new BigInt64Array(buffer, at, elements)
    case 'FP32':
      return new Float32Array(buffer, at, elements)
    case 'FP64':
      return new Float64Array(buffer, at, elements)
    default:
      throw new ProtocolViolation('a tensor has an unknown datatype')
  }
}

function booleans(data: Uint8Array): Uint8Array {
  for (const value of data) if (value > 1) throw new ProtocolViolation('a BOOL is neither 0 nor 1')
  return data
}

/** A table of the elements' lengths in bytes, then their UTF-8 texts without separators. */
function decodeTexts(
  bytes: Buffer<ArrayBuffer>,
  view: DataView,
  offset: number,
  dataBytes: number,
  elements: number,
): string[] {
  const tableBytes = elements * 4
  if (tableBytes > dataBytes) throw new ProtocolViolation('a tensor has the wrong number of elements')
  const texts: string[] = []
  const end = offset + dataBytes
  let text = offset + tableBytes
  for (let at = offset; at < offset + tableBytes; at += 4) {
    const length = view.getUint32(at, true)
    if (length > end - text) throw new ProtocolViolation('a text passes the end of its tensor')
    texts.push(bytes.toString('utf8', text, text + length))
    text += length
  }
  if (text !== end) throw new ProtocolViolation('a tensor is longer than its texts')
  return texts
}
