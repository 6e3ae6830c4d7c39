import { type ByteSource, sliceSource } from '../../../formats/index.ts'
import type { PickleContext, PickleScan, PickleSighting } from './context.ts'
import { NUMPY_HEADER, OBJECT_ARRAY, TRAILING_DATA } from './rules.ts'
import { scanPickle } from './scan-pickle.ts'

/** `numpy.load` refuses longer headers unless told otherwise; who tells it otherwise reads them all. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024

interface NumpyHeader {
  readonly dataOffset: number
  readonly hasObjects: boolean
  /** Undefined when the types are a structure. */
  readonly dataBytes: number | undefined
}

/** A `.npy` file: what its header says, and the pickle behind it when items are objects. */
export function scanNumpy(source: ByteSource, context: PickleContext): PickleScan {
  const header = readHeader(source)
  if (typeof header === 'string') {
    const sighting: PickleSighting = {
      rule: NUMPY_HEADER,
      severity: NUMPY_HEADER.severity,
      message: header,
      offset: 0,
    }
    return { isPickle: false, end: source.size, findings: [sighting], imports: [], nested: [] }
  }
  const { dataOffset, hasObjects, dataBytes } = header
  const findings: PickleSighting[] = []
  if (hasObjects) {
    findings.push({
      rule: OBJECT_ARRAY,
      severity: OBJECT_ARRAY.severity,
      message: 'items are Python objects, loaded as a pickle where allow_pickle is true',
      offset: 0,
    })
  }
  const behind = dataOffset + (hasObjects ? 0 : (dataBytes ?? 0))
  if (!hasObjects && dataBytes !== undefined && behind < source.size) {
    findings.push({
      rule: TRAILING_DATA,
      severity: TRAILING_DATA.severity,
      message: `${source.size - behind} bytes follow the array`,
      offset: behind,
    })
  }
  const imports: string[] = []
  const nested: PickleScan['nested'][number][] = []
  // Whatever the header says, a pickle at the data is one for a loader that believes another header.
  for (const start of new Set([dataOffset, Math.min(behind, source.size)])) {
    if (start >= source.size) continue
    const isClaimed = hasObjects && start === dataOffset
    const scan = scanPickle(sliceSource(source, start, source.size - start), { ...context, isClaimed })
    findings.push(...scan.findings.map((finding) => ({ ...finding, offset: finding.offset + start })))
    nested.push(...scan.nested.map(({ offset, bytes }) => ({ offset: offset + start, bytes })))
    imports.push(...scan.imports)
  }
  return { isPickle: hasObjects, end: source.size, findings, imports, nested }
}

/** `numpy/lib/format.py`: magic, version, length, then the literal of a dict. */
function readHeader(source: ByteSource): NumpyHeader | string {
  const head = Buffer.from(source.read(0, 12))
  if (head.length < 10) return 'the header is cut off'
  const major = head[6] ?? 0
  if (major < 1 || major > 3) return `version ${major} is not known`
  if (major > 1 && head.length < 12) return 'the header is cut off'
  const length = major === 1 ? head.readUInt16LE(8) : head.readUInt32LE(8)
  const start = major === 1 ? 10 : 12
  if (start + length > source.size) return 'the header is longer than the file'
  if (length > MAX_HEADER_BYTES) return 'the header is longer than the scanner reads'
  const text = Buffer.from(source.read(start, length)).toString(major === 3 ? 'utf8' : 'latin1')
  const description = fieldOf(text, 'descr')
  const shape = /["']shape["']\s*:\s*\(([^()]*)\)/.exec(text)?.[1]
  if (description === undefined || shape === undefined) return 'the header is no dict of descr and shape'
  const simple = /^\s*["'][<>|=]?([a-zA-Z?])(\d*)(?:\[[^\]]*\])?["']/.exec(description)
  const hasObjects = /["'][<>|=]?O\d*["']|["']object["']/.test(description)
  return {
    dataOffset: start + length,
    hasObjects,
    dataBytes: simple === null || hasObjects ? undefined : dataBytesOf(simple, shape),
  }
}

function fieldOf(text: string, name: string): string | undefined {
  const at = text.search(new RegExp(`["']${name}["']\\s{0,100}:`))
  return at === -1 ? undefined : text.slice(text.indexOf(':', at) + 1)
}

function dataBytesOf(type: RegExpExecArray, shape: string): number | undefined {
  const itemBytes = Number(type[2] || 1) * (type[1] === 'U' ? 4 : 1)
  let count = 1
  for (const part of shape.split(',')) {
    const size = part.trim().replace(/L$/, '')
    if (size === '') continue
    if (!/^\d{1,18}$/.test(size)) return undefined
    count *= Number(size)
  }
  const bytes = count * itemBytes
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
