import { isUtf8 } from 'node:buffer'
import { type Datatype, ELEMENT_BYTES, type Tensor, type TensorData } from '../../../core/index.ts'
import { invalidTensor } from '../../refusal.ts'

/*
 * The binary tensor extension: elements in row-major order, little-endian, without padding; BYTES is, for each element,
 * its length as a 4-byte little-endian integer and then its bytes.
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 * Every platform that Node supports and Sallyport is built for is little-endian, so elements are copied, not converted.
 */

const LENGTH_BYTES = 4

/** Reads a tensor's elements. The result shares no memory with `bytes`. A refusal names the input, never a value. */
export function readBinaryData(name: string, datatype: Datatype, count: number, bytes: Buffer): TensorData {
  if (datatype === 'BYTES') return readTexts(name, count, bytes)
  if (bytes.length !== count * ELEMENT_BYTES[datatype]) {
    const holds = `but its shape holds ${count} elements of ${ELEMENT_BYTES[datatype]}`
    throw invalidTensor(name, `has ${bytes.length} bytes of binary data, ${holds}`)
  }
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  if (datatype === 'BOOL') checkBooleans(name, bytes)
  return VIEWS[datatype](copy)
}

const VIEWS: Readonly<Record<Exclude<Datatype, 'BYTES'>, (buffer: ArrayBuffer) => TensorData>> = {
  BOOL: (buffer) => new Uint8Array(buffer),
  UINT8: (buffer) => new Uint8Array(buffer),
  UINT16: (buffer) => new Uint16Array(buffer),
  UINT32: (buffer) => new Uint32Array(buffer),
  UINT64: (buffer) => new BigUint64Array(buffer),
  INT8: (buffer) => new Int8Array(buffer),
  INT16: (buffer) => new Int16Array(buffer),
  INT32: (buffer) => new Int32Array(buffer),
  INT64: (buffer) => new BigInt64Array(buffer),
  FP16: (buffer) => new Uint16Array(buffer),
  FP32: (buffer) => new Float32Array(buffer),
  FP64: (buffer) => new Float64Array(buffer),
}

function checkBooleans(name: string, bytes: Buffer): void {
  for (let index = 0; index < bytes.length; index++) {
    if ((bytes[index] ?? 0) > 1)
      throw invalidTensor(name, `element ${index} is not a boolean: a byte of 0 or 1`)
  }
}

function readTexts(name: string, count: number, bytes: Buffer): readonly string[] {
  // Before anything is built: each element takes its length at least.
  if (bytes.length < count * LENGTH_BYTES) throw wrongLengths(name)
  const texts: string[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    if (at + LENGTH_BYTES > bytes.length) throw wrongLengths(name)
    const length = bytes.readUInt32LE(at)
    at += LENGTH_BYTES
    if (length > bytes.length - at) throw wrongLengths(name)
    const text = bytes.subarray(at, at + length)
    if (!isUtf8(text)) throw invalidTensor(name, `element ${index} is not valid UTF-8`)
    texts.push(text.toString('utf8'))
    at += length
  }
  if (at !== bytes.length) throw wrongLengths(name)
  return texts
}

function wrongLengths(name: string) {
  return invalidTensor(name, 'has binary data whose 4-byte lengths do not add up to its shape and size')
}

/** The elements of a tensor on the wire. Fixed-size ones are not copied. */
export function writeBinaryData(tensor: Tensor): Uint8Array {
  const { data } = tensor
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const parts: Buffer[] = []
  for (const text of data) {
    const bytes = Buffer.from(text)
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt32LE(bytes.length)
    parts.push(length, bytes)
  }
  return Buffer.concat(parts)
}
