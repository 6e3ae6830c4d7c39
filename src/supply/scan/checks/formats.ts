import { type ByteSource, readGguf, readSafetensors } from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'
import { checkSecrets, checkText } from './indicators.ts'
import { checkTemplate } from './template.ts'

const SAFETENSORS_RULE: Readonly<Record<string, string>> = {
  overlap: 'safetensors.overlap',
  hole: 'safetensors.hole',
  'duplicate-key': 'safetensors.duplicate-key',
  'trailing-data': 'safetensors.trailing-data',
}

/** False where the bytes are not safetensors. */
export function checkSafetensors(blob: Blob, source: ByteSource, context: CheckContext): boolean {
  const reading = readSafetensors(source)
  if (!reading.isSafetensors) return false
  for (const anomaly of reading.anomalies) {
    const rule = anomaly.isUnread
      ? 'content.unread'
      : (SAFETENSORS_RULE[anomaly.code] ?? 'safetensors.inconsistent')
    context.examination.report(rule, blob, { message: anomaly.message, offset: anomaly.offset })
  }
  for (const [key, text] of reading.metadata) checkMetadata(blob, key, text, context, 8)
  return true
}

const GGUF_OVERFLOWS = new Set([
  'count-overflow',
  'array-overflow',
  'string-overflow',
  'shape-overflow',
  'dimensions',
  'out-of-bounds',
  'alignment',
])

/** False where the bytes are not GGUF. */
export function checkGguf(blob: Blob, source: ByteSource, context: CheckContext): boolean {
  const reading = readGguf(source)
  if (!reading.isGguf) return false
  for (const anomaly of reading.anomalies) {
    const rule = GGUF_OVERFLOWS.has(anomaly.code)
      ? 'gguf.overflow'
      : anomaly.isUnread
        ? 'content.unread'
        : 'gguf.inconsistent'
    context.examination.report(rule, blob, { message: anomaly.message, offset: anomaly.offset })
  }
  for (const { key, index, text, offset } of reading.strings) {
    const where = index === undefined ? key : `${key}[${index}]`
    checkMetadata(blob, where, text, context, offset)
  }
  return true
}

/** Metadata is words: a template in it is run by who formats prompts, anything else that runs has no business there. */
function checkMetadata(blob: Blob, key: string, text: string, context: CheckContext, offset: number): void {
  if (/\{[{%]/.test(text)) checkTemplate(blob, text, key, context, offset)
  else checkText(blob, text, key, context, offset)
  checkSecrets(blob, text, key, context, offset)
  if (
    /(?:callback|webhook|download|remote|exfil|hook|payload)_?(?:url|uri|endpoint)?$/i.test(key) &&
    isForeignUrl(text)
  ) {
    context.examination.report('content.suspicious-url', blob, {
      message: `an address to call (${key})`,
      offset,
      evidence: text,
    })
  }
}

/** An address whose host is not one where models are published. */
export function isForeignUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text)) return false
  return !/^https?:\/\/(?:[\w-]+\.)*(?:huggingface\.co|hf\.co|github\.com|githubusercontent\.com|arxiv\.org|pytorch\.org|tensorflow\.org|onnx\.ai|openai\.com|nvidia\.com|microsoft\.com|google\.com|apache\.org|creativecommons\.org|json-schema\.org|w3\.org|localhost)(?:[:/]|$)/i.test(
    text,
  )
}

/** Custom operations that TensorFlow Lite's own runtimes bring. */
const TFLITE_CUSTOM = new Set([
  'TFLite_Detection_PostProcess',
  'AudioSpectrogram',
  'Mfcc',
  'Convolution2DTransposeBias',
  'MaxPoolingWithArgmax2D',
  'MaxUnpooling2D',
  'NumericVerify',
  'RFFT2D',
  'Multinomial',
  'RandomStandardNormal',
  'RandomUniform',
  'edgetpu-custom-op',
  'TransformLandmarks',
  'TransformTensorBilinear',
  'Landmarks2TransformMatrix',
])
const MAX_OPERATORS = 10_000

/** A TensorFlow Lite flatbuffer (schema.fbs): its table of operators, of which custom ones are code from elsewhere. */
export function checkTflite(blob: Blob, source: ByteSource, context: CheckContext): boolean {
  if (Buffer.from(source.read(4, 4)).toString('latin1') !== 'TFL3') return false
  const names = readCustomOperators(source)
  if (names === undefined) {
    context.examination.report('content.unread', blob, {
      message: 'the table of operators could not be read',
    })
    return true
  }
  for (const name of names) {
    if (TFLITE_CUSTOM.has(name)) continue
    const message = `the operator ${name} is not one of TensorFlow Lite`
    context.examination.report('tflite.custom-operation', blob, { message, evidence: name })
  }
  return true
}

/** Names of custom operators; undefined where a reference leads out of the file. */
function readCustomOperators(source: ByteSource): string[] | undefined {
  const u16 = (at: number) => {
    const bytes = source.read(at, 2)
    return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
  }
  const u32 = (at: number) => u16(at) + u16(at + 2) * 65536
  const isInside = (at: number) => at >= 0 && at + 4 <= source.size
  const field = (table: number, index: number): number | undefined => {
    const vtable = table - (u32(table) | 0)
    if (!isInside(vtable) || 4 + index * 2 + 2 > u16(vtable)) return undefined
    const offset = u16(vtable + 4 + index * 2)
    return offset === 0 ? undefined : table + offset
  }
  const root = u32(0)
  if (!isInside(root)) return undefined
  const codes = field(root, 1)
  if (codes === undefined) return []
  const vector = codes + u32(codes)
  if (!isInside(vector)) return undefined
  const count = u32(vector)
  if (count > MAX_OPERATORS || vector + 4 + count * 4 > source.size) return undefined
  const names: string[] = []
  for (let index = 0; index < count; index++) {
    const at = vector + 4 + index * 4
    const table = at + u32(at)
    if (!isInside(table)) return undefined
    const custom = field(table, 1)
    if (custom === undefined) continue
    const text = custom + u32(custom)
    if (!isInside(text)) return undefined
    names.push(Buffer.from(source.read(text + 4, Math.min(u32(text), 256))).toString('utf8'))
  }
  return names
}

const ELF = '7f454c46'
const MACH = new Set(['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe'])

/** What kind of program the bytes are, if any. */
export function programKind(source: ByteSource): string | undefined {
  const head = Buffer.from(source.read(0, 64))
  const magic = head.toString('hex', 0, 4)
  if (magic === ELF && head.length >= 20 && (head[4] ?? 0) <= 2) return 'an ELF program or library'
  if (MACH.has(magic)) return 'a Mach-O program or library'
  if (magic === 'cafebabe' && head.length >= 8) return 'a Java class or a Mach-O library'
  if (magic === '0061736d' && head.readUInt32LE(4) === 1) return 'a WebAssembly module'
  if (magic.startsWith('4d5a') && head.length === 64) {
    const at = head.readUInt32LE(0x3c)
    if (Buffer.from(source.read(at, 4)).toString('hex') === '50450000') return 'a Windows program or library'
  }
  if (magic === '64657836' || head.toString('latin1', 0, 4) === 'dex\n') return 'an Android program'
  return undefined
}

/** The script language of a `#!` line. */
export function scriptLine(head: string): string | undefined {
  return /^#![^\n]{0,200}/.exec(head)?.[0]
}

/** A name under which a loader of one format would be called, and what kinds of content it would take. */
const EXPECTED = new Map<string, readonly string[]>([
  ['safetensors', ['safetensors']],
  ['gguf', ['gguf']],
  ['onnx', ['onnx']],
  ['tflite', ['tflite']],
  ['h5', ['hdf5']],
  ['hdf5', ['hdf5']],
  ['keras', ['zip', 'hdf5']],
  ['npy', ['numpy']],
  ['npz', ['zip', 'numpy']],
  ['json', ['text', 'json']],
  ['yaml', ['text']],
  ['yml', ['text']],
  ['txt', ['text']],
  ['md', ['text']],
  ['csv', ['text']],
  ['xml', ['text']],
  ['png', ['image']],
  ['jpg', ['image']],
])
const WEIGHTY = new Set(['pickle', 'zip', 'tar', 'hdf5', 'program', 'numpy', 'compressed', '7z'])

/** True where the name promises one format and the content is another that can carry code. */
export function isMismatch(extension: string, formats: readonly string[]): boolean {
  const expected = EXPECTED.get(extension)
  if (expected === undefined || formats.some((format) => expected.includes(format))) return false
  return formats.some((format) => WEIGHTY.has(format))
}
