import type { OnnxAttribute, OnnxEntry, OnnxTensor } from '../../../formats/index.ts'
import type { FindingList } from '../finding-list.ts'
import { EMBEDDED_FILE, SUSPICIOUS_METADATA } from './rules.ts'
import type { Placed } from './walk.ts'

/** What scripts, pickles and template injections look like in a text that should describe a model. */
const MARKERS = [
  '<script',
  'javascript:',
  '__import__',
  '__globals__',
  '__subclasses__',
  'os.system',
  'subprocess',
  'eval(',
  'exec(',
  '/bin/sh',
  '/bin/bash',
  'powershell',
  'base64 -d',
  'curl http',
  'wget http',
]

/** onnxruntime can be told to take its session options from this entry (ORT_LOAD_CONFIG_FROM_MODEL). */
const SESSION_OPTIONS_KEY = 'ort_config'

/** The base64 of pickle's first bytes: PROTO 2 to 5, and FRAME after it from 4 on. */
const BASE64_PICKLE = /^(?:gAJ|gAN|gASV|gAWV)[A-Za-z0-9+/=\s]{16}/

export function checkMetadata({ part: entry, where }: Placed<OnnxEntry>, findings: FindingList): void {
  const place = { member: where, offset: entry.offset }
  if (entry.key.toLowerCase() === SESSION_OPTIONS_KEY) {
    findings.add(SUSPICIOUS_METADATA, 'metadata sets options of the runtime', place, entry.key)
  }
  const text = `${entry.key}\n${entry.value}`.toLowerCase()
  const marker = MARKERS.find((candidate) => text.includes(candidate))
  if (marker !== undefined) findings.add(SUSPICIOUS_METADATA, 'metadata looks like a script', place, marker)
  if (BASE64_PICKLE.test(entry.value))
    findings.add(SUSPICIOUS_METADATA, 'metadata looks like a pickle', place)
}

export function checkTensorContent({ part: tensor, where }: Placed<OnnxTensor>, findings: FindingList): void {
  const place = { member: where, offset: tensor.offset }
  for (const bytes of [tensor.raw, ...tensor.strings]) {
    const kind = bytes === undefined ? undefined : fileKind(bytes)
    if (kind !== undefined) findings.add(EMBEDDED_FILE, `a tensor holds ${kind}`, place)
  }
}

export function checkAttributeContent({ part, where }: Placed<OnnxAttribute>, findings: FindingList): void {
  for (const bytes of part.strings) {
    const kind = fileKind(bytes)
    if (kind !== undefined)
      findings.add(EMBEDDED_FILE, `an attribute holds ${kind}`, { member: where, offset: part.offset })
  }
}

/** Only signatures long enough that weights do not have them by chance. */
function fileKind(bytes: Uint8Array): string | undefined {
  if (bytes.length < 8) return undefined
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const head = view.subarray(0, 4).toString('latin1')
  if (head === '\x7fELF') return 'a shared library'
  if (head === 'PK\x03\x04') return 'a zip archive'
  if (head.startsWith('#!/')) return 'a script'
  if (isProgram(view)) return 'a Windows program'
  if (isFramedPickle(view)) return 'a pickle'
  return undefined
}

function isProgram(view: Buffer): boolean {
  if (view.length < 64 || view.subarray(0, 2).toString('latin1') !== 'MZ') return false
  const header = view.readUInt32LE(0x3c)
  return header + 4 <= view.length && view.readUInt32LE(header) === 0x0000_4550
}

/** PROTO 4 or 5, then a FRAME (opcode 0x95) whose 64-bit length is within the bytes. */
function isFramedPickle(view: Buffer): boolean {
  if (view.length < 11 || view[0] !== 0x80 || view[2] !== 0x95) return false
  return (view[1] === 4 || view[1] === 5) && view.readBigUInt64LE(3) <= BigInt(view.length)
}
