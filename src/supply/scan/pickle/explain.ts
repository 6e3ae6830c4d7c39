import {
  type ByteSource,
  OPCODE_NAMES,
  type PickleMachine,
  readConstant,
  resolvePython2Name,
  type Value,
} from '../../../formats/index.ts'
import type { PickleContext } from './context.ts'
import { scanPickle, tracePickle } from './scan-pickle.ts'

/** What `scan --explain` shows of one pickle file. */
export interface PickleExplanation {
  readonly imports: readonly string[]
  /** `module.name(arguments)`, in order, each once. */
  readonly calls: readonly string[]
  /** The opcodes around each finding; a line is `offset NAME argument`, `>` before what was found. */
  readonly disassembly: readonly string[]
}

const MAX_CALLS = 200
const MAX_LINES = 400
const OPCODES_BEFORE = 10
const OPCODES_AFTER = 3
const MAX_TEXT = 60
const MAX_DESCRIBED = 8
const MAX_DEPTH = 4

/** Explains the pickles of a source: carries them out twice, first for the findings, then for what stands around them. */
export function explainPickle(source: ByteSource, context: PickleContext): PickleExplanation {
  const scan = scanPickle(source, context)
  const found = new Set(scan.findings.map((finding) => finding.offset))
  const calls = new Set<string>()
  const shown = new Map<number, boolean>()
  const recent: number[] = []
  let after = 0
  tracePickle(source, context, {
    onOpcode(offset) {
      if (shown.size >= MAX_LINES) return
      recent.push(offset)
      if (recent.length > OPCODES_BEFORE) recent.shift()
      if (found.has(offset)) {
        for (const earlier of recent) if (!shown.has(earlier)) shown.set(earlier, false)
        shown.set(offset, true)
        after = OPCODES_AFTER
      } else if (after > 0) {
        after--
        if (!shown.has(offset)) shown.set(offset, false)
      }
    },
    onCall(machine, call) {
      if (calls.size < MAX_CALLS) calls.add(describe(machine, call, 0))
    },
  })
  const lines = [...shown].toSorted(([left], [right]) => left - right)
  return {
    imports: scan.imports,
    calls: [...calls],
    disassembly: lines.map(([offset, isFound]) => `${isFound ? '>' : ' '} ${disassembled(source, offset)}`),
  }
}

function describe(machine: PickleMachine, value: Value, depth: number): string {
  if (value >= 0) return constantText(machine.constant(value, 256))
  if (depth >= MAX_DEPTH) return '…'
  const object = machine.resolve(value, MAX_DESCRIBED)
  switch (object?.kind) {
    case 'global': {
      if (object.module === undefined || object.name === undefined) return '<computed name>'
      const { module, name } = resolvePython2Name(object.module, object.name, object.protocol)
      return `${module}.${name}`
    }
    case 'call': {
      const args = machine.items(object.args, MAX_DESCRIBED)
      const inside = args?.map((arg) => describe(machine, arg, depth + 1)).join(', ') ?? '…'
      return `${describe(machine, object.callee, depth + 1)}(${inside})`
    }
    case 'container': {
      const items = object.items.map((item) => describe(machine, item, depth + 1))
      if (object.missing > 0) items.push('…')
      return `${object.type}[${items.join(', ')}]`
    }
    case 'persistent':
      return `persistent(${object.id >= 0 ? '…' : describe(machine, object.id, depth + 1)})`
    default:
      return object === undefined ? '?' : '<buffer>'
  }
}

function constantText(constant: ReturnType<typeof readConstant>): string {
  switch (constant?.type) {
    case 'none':
      return 'None'
    case 'bool':
      return constant.value ? 'True' : 'False'
    case 'int':
      return constant.value.toString().slice(0, MAX_TEXT)
    case 'float':
      return 'float'
    case 'text':
    case 'string':
      return JSON.stringify(cut(constant.value))
    case 'bytes': {
      const head = Buffer.from(constant.bytes.subarray(0, MAX_TEXT / 2)).toString('hex')
      return `<${constant.size} bytes ${head}${constant.size > MAX_TEXT / 2 ? '…' : ''}>`
    }
    default:
      return '?'
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`
}

function disassembled(source: ByteSource, offset: number): string {
  const opcode = source.read(offset, 1)[0]
  if (opcode === undefined) return `${offset} end of the bytes`
  const name = OPCODE_NAMES.get(opcode)
  if (name === undefined) return `${offset} invalid opcode 0x${opcode.toString(16).padStart(2, '0')}`
  const argument = argumentText(source, offset, name)
  return argument === '' ? `${offset} ${name}` : `${offset} ${name} ${argument}`
}

function argumentText(source: ByteSource, offset: number, name: string): string {
  if (name === 'GLOBAL' || name === 'INST') {
    const [module, attribute] = lines(source, offset + 1)
    return JSON.stringify(cut(`${module} ${attribute}`))
  }
  if (/^(?:PERSID|GET|PUT)$/.test(name)) return cut(lines(source, offset + 1)[0] ?? '')
  const width = WIDTHS[name]
  if (width !== undefined) {
    const bytes = Buffer.from(source.read(offset + 1, width))
    return bytes.length < width ? 'cut off' : bytes.readUIntLE(0, Math.min(width, 6)).toString()
  }
  const constant = readConstant(source, offset, 256)
  return constant === undefined || /^(?:NONE|NEWTRUE|NEWFALSE)$/.test(name) ? '' : constantText(constant)
}

const WIDTHS: Readonly<Record<string, number>> = {
  BINGET: 1,
  LONG_BINGET: 4,
  BINPUT: 1,
  LONG_BINPUT: 4,
  PROTO: 1,
  FRAME: 8,
  EXT1: 1,
  EXT2: 2,
  EXT4: 4,
}

function lines(source: ByteSource, start: number): string[] {
  return Buffer.from(source.read(start, 512)).toString('utf8').split('\n', 2)
}
