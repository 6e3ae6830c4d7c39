import { type ByteSource, indexOfBytes, memorySource } from '../bytes/index.ts'
import { Float64Column } from './columns.ts'
import { type Constant, readConstant } from './constants.ts'
import { Containers } from './containers.ts'
import { Memo } from './memo.ts'
import { isFloatText, parseInt0, parseLong0, parseMemoIndex } from './numbers.ts'
import { resolvePython2Name } from './python2-names.ts'
import { decodeQuotedString, decodeRawUnicodeEscape } from './text.ts'
import { Utf8Check } from './utf8.ts'
import {
  type BufferValue,
  CALL_OPCODES,
  type CallOpcode,
  CONTAINER_TYPES,
  type GlobalOpcode,
  type GlobalValue,
  type PersistentValue,
  type PickleObject,
  type Value,
} from './values.ts'

/** Why a stream ended before its STOP. */
export type BreakCode =
  | 'truncated'
  | 'invalid-opcode'
  | 'stack-underflow'
  | 'no-mark'
  | 'odd-items'
  | 'memo-missing'
  | 'bad-number'
  | 'bad-text'
  | 'bad-global'
  | 'bad-size'
  | 'bad-extension'
  | 'unsupported-protocol'
  | 'over-budget'

export interface PickleEnd {
  /** The first byte that was not read as part of this pickle. */
  readonly end: number
  /** Undefined when STOP was reached. */
  readonly breakCode: BreakCode | undefined
  /** Of the opcode that could not be carried out. */
  readonly breakOffset: number
  readonly result: Value | undefined
  readonly opcodes: number
  /** Frames that promise more than the file has: CPython's C code refuses them, its Python code goes on. */
  readonly hasOverlongFrame: boolean
  /** An opcode or a frame stands across the end of a frame, so that the two views differ. */
  readonly hasStraddle: boolean
}

/** What happens while a stream is loaded. Each call comes before the machine reads on. */
export interface PickleVisitor {
  onGlobal?(global: GlobalValue): void
  onCall?(call: Value): void
  /** `__setstate__`, an update of `__dict__`, or `setattr` for a pair of states. */
  onBuild?(target: Value, state: Value, offset: number): void
  /** APPEND(S), SETITEM(S) or ADDITEMS on something that is not a container of the stream's own making. */
  onMutate?(
    target: Value,
    method: 'extend' | '__setitem__' | 'add',
    items: readonly Value[],
    offset: number,
  ): void
  /** Every opcode, before it is carried out; for disassemblies. */
  onOpcode?(offset: number): void
  /** A long constant: where its payload stands and its first byte. Lines and splices are not told. */
  onConstant?(offset: Value, start: number, length: number, firstByte: number): void
  onPersistent?(persistent: PersistentValue): void
  /**
   * After BUILD: a loader that reads raw bytes from the file here says where the file goes on. `filePosition` is where
   * its file stands, which is behind the frame when there is one.
   */
  afterBuild?(target: Value, filePosition: number): number | undefined
}

export interface PickleOptions {
  readonly start?: number
  /**
   * Which of CPython's two ways of reading: from memory or a file with `peek`, frames change nothing; from any other
   * file (`io.BytesIO`) a frame is a buffer, and what is left of it is lost when an argument or a line does not fit.
   */
  readonly view?: 'contiguous' | 'framed'
  readonly maxOpcodes?: number
  /** Containers made by one stream, and as many calls. */
  readonly maxContainers?: number
  /** On the stack, in the memo, and in containers; constants beyond are dropped from lists and dicts. */
  readonly maxValues?: number
  /** Extension codes that earlier pickles of the process registered, as `module name`. */
  readonly extensions?: Map<number, readonly [string, string]>
  /** Called every million opcodes; throws to stop. */
  readonly onProgress?: (offset: number) => void
}

export const DEFAULT_MAX_OPCODES = 400_000_000
const DEFAULT_MAX_CONTAINERS = 4_000_000
const DEFAULT_MAX_VALUES = 6_000_000
const WINDOW_BYTES = 64 * 1024
/** More than any opcode with arguments of fixed length. */
const LOOKAHEAD = 16
/** A longer line is checked for its end only; no name, number or id is that long. */
const MAX_LINE_BYTES = 1024 * 1024
const MAX_NAME_BYTES = 64 * 1024
const PROGRESS_OPCODES = 1_000_000
/** Imports, persistent ids and buffers. */
const MAX_OBJECTS = 500_000
const MAX_STATES = 16
const MAX_SPARSE_ENTRIES = 250_000
/** Shorter constants hold nothing worth a second look. */
const MIN_TOLD_BYTES = 20
const MAX_SPLICED = 100_000
const LINE_END = Uint8Array.of(0x0a)
const MAX_VISITED_ITEMS = 1000
/** A call's row: callee, args, keywords or NaN, offset, opcode. */
const CALL_CELLS = 5

// Values below zero: -1 - container, OBJECTS - object, CALLS - call.
const OBJECTS = -(2 ** 40)
const CALLS = -(2 ** 41)

const TUPLE = CONTAINER_TYPES.indexOf('tuple')
const LIST = CONTAINER_TYPES.indexOf('list')
const DICT = CONTAINER_TYPES.indexOf('dict')
const SET = CONTAINER_TYPES.indexOf('set')
const FROZENSET = CONTAINER_TYPES.indexOf('frozenset')

function isContainer(value: Value): boolean {
  return value < 0 && value > OBJECTS
}

class Break extends Error {
  readonly code: BreakCode
  constructor(code: BreakCode) {
    super(code)
    this.code = code
  }
}

/**
 * Carries out a pickle without making anything: the stack, marks and memo are exactly those of CPython's C unpickler
 * (Modules/_pickle.c, protocols 0 to 5), the values are abstract. Whatever the bytes are, every global and call that a
 * loader would reach before the stream breaks has been given to the visitor.
 *
 * Where CPython's C code refuses a value's type and its Python twin (`pickle._Unpickler`, which joblib uses) does not,
 * the machine goes on.
 */
export class PickleMachine {
  readonly source: ByteSource
  readonly memo = new Memo()
  readonly extensions: Map<number, readonly [string, string]>
  readonly #visitor: PickleVisitor
  readonly #options: PickleOptions
  readonly #maxValues: number
  readonly #maxContainers: number
  /** A window over the source, with its offset in it. */
  readonly #window: Uint8Array
  #windowLength = 0
  #base: number
  #at = 0
  readonly #stack = new Float64Column()
  readonly #marks = new Float64Column()
  readonly #containers = new Containers()
  readonly #constantsTuples: (Value | undefined)[] = []
  readonly #objects: (GlobalValue | PersistentValue | BufferValue)[] = []
  /** Rows of CALL_CELLS. */
  readonly #calls = new Float64Column()
  readonly #states = new Map<Value, Value[]>()
  #fence = 0
  #protocol = 0
  #opcodes = 0
  #hasOverlongFrame = false
  #hasStraddle = false
  readonly #isFramed: boolean
  readonly #isTraced: boolean
  /** Parts of the present opcode before bytes that were lost, and opcodes put together from such parts. */
  #parts: Buffer[] = []
  #partStart = 0
  readonly #spliced = new Map<number, ByteSource>()
  #opcodeOffset = 0
  #frameEnd = 0
  /** Where the frame that is being read ends, and where the file goes on after raw bytes. */
  #jumpAt = Number.POSITIVE_INFINITY
  #jumpTo = 0

  constructor(source: ByteSource, visitor: PickleVisitor, options: PickleOptions = {}) {
    this.source = source
    this.extensions = options.extensions ?? new Map()
    this.#visitor = visitor
    this.#isTraced = visitor.onOpcode !== undefined
    this.#isFramed = options.view === 'framed'
    this.#options = options
    this.#maxValues = options.maxValues ?? DEFAULT_MAX_VALUES
    this.#maxContainers = options.maxContainers ?? DEFAULT_MAX_CONTAINERS
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(LOOKAHEAD, source.size)))
    this.#base = options.start ?? 0
  }

  /** Loads one pickle. Never throws for what the bytes are. */
  run(): PickleEnd {
    let opcodeOffset = this.#base
    try {
      const maxOpcodes = this.#options.maxOpcodes ?? DEFAULT_MAX_OPCODES
      let untilProgress = Math.min(PROGRESS_OPCODES, maxOpcodes)
      this.#refill()
      for (;;) {
        if (this.#at + LOOKAHEAD > this.#windowLength) this.#refill()
        opcodeOffset = this.#base + this.#at
        if (opcodeOffset >= this.#jumpAt) {
          opcodeOffset = this.#jumpTo
          this.#jumpAt = Number.POSITIVE_INFINITY
          this.#seek(opcodeOffset)
        }
        if (this.#at >= this.#windowLength) throw new Break('truncated')
        const opcode = this.#window[this.#at++] ?? 0
        if (this.#isFramed) this.#partStart = opcodeOffset
        if (opcode === 0x2e) {
          if (this.#isTraced) this.#visitor.onOpcode?.(opcodeOffset)
          this.#opcodes++
          return this.#ended(undefined, opcodeOffset, this.#pop())
        }
        this.#opcodeOffset = opcodeOffset
        if (this.#isTraced) this.#visitor.onOpcode?.(opcodeOffset)
        this.#step(opcode, opcodeOffset)
        this.#opcodes++
        if (opcodeOffset < this.#frameEnd && this.#base + this.#at > this.#frameEnd) this.#hasStraddle = true
        if (this.#parts.length > 0) this.#splice(opcodeOffset)
        if (--untilProgress === 0) {
          if (this.#opcodes >= maxOpcodes) throw new Break('over-budget')
          untilProgress = Math.min(PROGRESS_OPCODES, maxOpcodes - this.#opcodes)
          this.#options.onProgress?.(opcodeOffset)
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof Break)) throw thrown
      return this.#ended(thrown.code, opcodeOffset, undefined)
    }
  }

  /**
   * Loads another pickle with the memo kept, as an unpickler does whose `load` is called again. Values stay valid.
   */
  runAgain(start: number): PickleEnd {
    this.#stack.length = 0
    this.#marks.length = 0
    this.#fence = 0
    this.#protocol = 0
    this.#frameEnd = 0
    this.#jumpAt = Number.POSITIVE_INFINITY
    this.#parts = []
    this.#windowLength = 0
    this.#base = start
    this.#at = 0
    return this.run()
  }

  /** A constant, decoded, with at most `maxBytes` of its payload. Undefined when the value is none. */
  constant(value: Value, maxBytes = 64 * 1024): Constant | undefined {
    if (!(value >= 0)) return undefined
    const spliced = this.#spliced.size > 0 ? this.#spliced.get(value) : undefined
    return spliced === undefined
      ? readConstant(this.source, value, maxBytes)
      : readConstant(spliced, 0, maxBytes)
  }

  /** What a value is, with at most `limit` items of a container. Undefined when it is a constant. */
  resolve(value: Value, limit = MAX_VISITED_ITEMS): PickleObject | undefined {
    if (value >= 0 || Number.isNaN(value)) return undefined
    if (isContainer(value)) return this.#containers.view(-1 - value, limit)
    if (value > CALLS) return this.#objects[OBJECTS - value]
    const calls = this.#calls
    const at = (CALLS - value) * CALL_CELLS
    const keywords = calls.get(at + 2)
    return {
      kind: 'call',
      callee: calls.get(at),
      args: calls.get(at + 1),
      keywords: Number.isNaN(keywords) ? undefined : keywords,
      offset: calls.get(at + 3),
      opcode: CALL_OPCODES[calls.get(at + 4)] ?? 'REDUCE',
      states: this.#states.get(value) ?? [],
    }
  }

  /** The items of a tuple, at most `limit`; undefined for any other value. */
  items(tuple: Value, limit = MAX_VISITED_ITEMS): readonly Value[] | undefined {
    const object = isContainer(tuple) ? this.resolve(tuple, limit) : undefined
    return object?.kind === 'container' && object.type === 'tuple' ? object.items : undefined
  }

  #ended(breakCode: BreakCode | undefined, breakOffset: number, result: Value | undefined): PickleEnd {
    return {
      end: Math.min(this.#base + this.#at, this.source.size),
      breakCode,
      breakOffset,
      result,
      opcodes: this.#opcodes,
      hasOverlongFrame: this.#hasOverlongFrame,
      hasStraddle: this.#hasStraddle,
    }
  }

  #step(opcode: number, offset: number): void {
    switch (opcode) {
      case 0x28: // MARK
        if (this.#marks.length >= this.#maxValues) throw new Break('over-budget')
        this.#marks.push(this.#stack.length)
        this.#fence = this.#stack.length
        return
      case 0x30: // POP
        this.#popOrUnmark()
        return
      case 0x31: // POP_MARK
        this.#stack.length = this.#marker()
        return
      case 0x32: // DUP
        this.#push(this.#top())
        return
      case 0x4e: // NONE
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        this.#push(offset)
        return
      case 0x4a: // BININT
        this.#skip(4)
        this.#push(offset)
        return
      case 0x4b: // BININT1
        this.#skip(1)
        this.#push(offset)
        return
      case 0x4d: // BININT2
        this.#skip(2)
        this.#push(offset)
        return
      case 0x47: // BINFLOAT
        this.#skip(8)
        this.#push(offset)
        return
      case 0x46: // FLOAT
        if (!isFloatText(this.#numberLine())) throw new Break('bad-number')
        this.#push(offset)
        return
      case 0x49: // INT
        if (parseInt0(this.#numberLine()) === undefined) throw new Break('bad-number')
        this.#push(offset)
        return
      case 0x4c: // LONG
        if (parseLong0(this.#numberLine()) === undefined) throw new Break('bad-number')
        this.#push(offset)
        return
      case 0x8a: // LONG1
        this.#skipPayload(this.#unsigned(1))
        this.#push(offset)
        return
      case 0x8b: // LONG4
        this.#skipPayload(this.#signed4())
        this.#push(offset)
        return
      case 0x53: // STRING
        this.#quotedLine()
        this.#push(offset)
        return
      case 0x56: // UNICODE
        this.#escapedLine()
        this.#push(offset)
        return
      case 0x54: // BINSTRING
        this.#skipPayload(this.#signed4())
        this.#push(offset)
        return
      case 0x55: // SHORT_BINSTRING
        this.#skipPayload(this.#unsigned(1))
        this.#push(offset)
        return
      case 0x43: // SHORT_BINBYTES
        this.#skipBytes(this.#unsigned(1))
        this.#push(offset)
        return
      case 0x42: // BINBYTES
        this.#skipBytes(this.#unsigned(4))
        this.#push(offset)
        return
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#skipBytes(this.#unsigned(8))
        this.#push(offset)
        return
      case 0x8c: // SHORT_BINUNICODE
        this.#skipText(this.#unsigned(1))
        this.#push(offset)
        return
      case 0x58: // BINUNICODE
        this.#skipText(this.#unsigned(4))
        this.#push(offset)
        return
      case 0x8d: // BINUNICODE8
        this.#skipText(this.#unsigned(8))
        this.#push(offset)
        return
      case 0x29: // EMPTY_TUPLE
        this.#push(this.#container(TUPLE, this.#stack.length))
        return
      case 0x85: // TUPLE1
        this.#tuple(1)
        return
      case 0x86: // TUPLE2
        this.#tuple(2)
        return
      case 0x87: // TUPLE3
        this.#tuple(3)
        return
      case 0x74: // TUPLE
        this.#push(this.#container(TUPLE, this.#marker()))
        return
      case 0x5d: // EMPTY_LIST
        this.#push(this.#container(LIST, this.#stack.length))
        return
      case 0x6c: // LIST
        this.#push(this.#container(LIST, this.#marker()))
        return
      case 0x7d: // EMPTY_DICT
        this.#push(this.#container(DICT, this.#stack.length))
        return
      case 0x64: {
        // DICT
        const mark = this.#marker()
        if ((this.#stack.length - mark) % 2 !== 0) throw new Break('odd-items')
        this.#push(this.#container(DICT, mark))
        return
      }
      case 0x8f: // EMPTY_SET
        this.#push(this.#container(SET, this.#stack.length))
        return
      case 0x91: // FROZENSET
        this.#push(this.#container(FROZENSET, this.#marker()))
        return
      case 0x61: // APPEND
        if (this.#stack.length - 1 <= this.#fence) throw new Break('stack-underflow')
        this.#putInto(this.#stack.length - 1, 'extend', offset)
        return
      case 0x65: // APPENDS
        this.#putInto(this.#marker(), 'extend', offset)
        return
      case 0x73: // SETITEM
        this.#putInto(this.#stack.length - 2, '__setitem__', offset)
        return
      case 0x75: // SETITEMS
        this.#putInto(this.#marker(), '__setitem__', offset)
        return
      case 0x90: // ADDITEMS
        this.#putInto(this.#marker(), 'add', offset)
        return
      case 0x70: // PUT
        this.#memoPut(this.#memoIndexLine())
        return
      case 0x71: // BINPUT
        this.#memoPut(this.#unsigned(1))
        return
      case 0x72: // LONG_BINPUT
        this.#memoPut(this.#unsigned(4))
        return
      case 0x94: // MEMOIZE
        this.#memoPut(this.memo.size)
        return
      case 0x67: // GET
        this.#memoGet(this.#memoIndexLine())
        return
      case 0x68: // BINGET
        this.#memoGet(this.#unsigned(1))
        return
      case 0x6a: // LONG_BINGET
        this.#memoGet(this.#unsigned(4))
        return
      case 0x80: // PROTO
        this.#proto()
        return
      case 0x95: // FRAME
        this.#frame()
        return
      case 0x63: {
        // GLOBAL
        const module = this.#nameLine(false)
        this.#pushGlobal(module, this.#nameLine(false), 'GLOBAL', offset)
        return
      }
      case 0x93: // STACK_GLOBAL
        this.#stackGlobal(offset)
        return
      case 0x69: // INST
        this.#inst(offset)
        return
      case 0x6f: // OBJ
        this.#obj(offset)
        return
      case 0x52: {
        // REDUCE
        const args = this.#pop()
        this.#call(this.#pop(), args, undefined, 'REDUCE', offset)
        return
      }
      case 0x81: {
        // NEWOBJ
        const args = this.#pop()
        this.#call(this.#pop(), args, undefined, 'NEWOBJ', offset)
        return
      }
      case 0x92: {
        // NEWOBJ_EX
        const keywords = this.#pop()
        const args = this.#pop()
        this.#call(this.#pop(), args, keywords, 'NEWOBJ_EX', offset)
        return
      }
      case 0x62: // BUILD
        this.#build(offset)
        return
      case 0x50: // PERSID
        this.#lineEnd()
        this.#persistent(offset, offset)
        return
      case 0x51: // BINPERSID
        this.#persistent(this.#pop(), offset)
        return
      case 0x82: // EXT1
        this.#extension(this.#unsigned(1), offset)
        return
      case 0x83: // EXT2
        this.#extension(this.#unsigned(2), offset)
        return
      case 0x84: // EXT4
        this.#extension(this.#signed4(), offset)
        return
      case 0x97: // NEXT_BUFFER
        this.#push(this.#object({ kind: 'buffer', offset }))
        return
      case 0x98: // READONLY_BUFFER
        this.#top()
        return
      default:
        throw new Break('invalid-opcode')
    }
  }

  // The window over the source.

  #refill(): void {
    const position = this.#base + this.#at
    if (this.#windowLength > 0 && this.#base + this.#windowLength >= this.source.size) return
    this.#base = position
    this.#at = 0
    this.#windowLength = 0
    if (position >= this.source.size) return
    const bytes = this.source.read(position, this.#window.length)
    this.#window.set(bytes)
    this.#windowLength = bytes.length
  }

  #seek(position: number): void {
    if (position >= this.#base && position <= this.#base + this.#windowLength) {
      this.#at = position - this.#base
      return
    }
    this.#base = position
    this.#at = 0
    this.#windowLength = 0
    this.#refill()
  }

  /** In the framed view: what does not fit in the rest of the frame is read from behind it. */
  #align(length: number): void {
    const position = this.#base + this.#at
    if (position < this.#frameEnd && position + length > this.#frameEnd) this.#leaveFrame(position)
  }

  #leaveFrame(position: number): void {
    this.#parts.push(Buffer.from(this.source.read(this.#partStart, position - this.#partStart)))
    this.#partStart = this.#frameEnd
    this.#seek(this.#frameEnd)
    this.#hasStraddle = true
  }

  #splice(opcodeOffset: number): void {
    const length = Math.min(this.#base + this.#at - this.#partStart, MAX_LINE_BYTES)
    this.#parts.push(Buffer.from(this.source.read(this.#partStart, length)))
    if (this.#spliced.size < MAX_SPLICED) {
      this.#spliced.set(opcodeOffset, memorySource(Buffer.concat(this.#parts)))
    }
    this.#parts = []
  }

  #skip(length: number): void {
    if (this.#isFramed) this.#align(length)
    if (this.#at + length > this.#windowLength) throw new Break('truncated')
    this.#at += length
  }

  #unsigned(width: 1 | 2 | 4 | 8): number {
    this.#skip(width)
    const at = this.#at - width
    const bytes = this.#window
    const low = bytes[at] ?? 0
    if (width === 1) return low
    const two = low | ((bytes[at + 1] ?? 0) << 8)
    if (width === 2) return two
    const four = (two | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
    if (width === 4) return four
    let high = 0
    for (let index = 7; index >= 4; index--) high = high * 256 + (bytes[at + index] ?? 0)
    return high * 0x1_0000_0000 + four
  }

  #signed4(): number {
    return this.#unsigned(4) | 0
  }

  /** Bytes and bytearrays are read in parts, so that they may stand across the end of a frame. */
  #skipBytes(length: number): void {
    const position = this.#base + this.#at + length
    if (position > this.source.size) throw new Break('truncated')
    if (length >= MIN_TOLD_BYTES) this.#tell(length)
    this.#seek(position)
  }

  #tell(length: number): void {
    if (this.#visitor.onConstant === undefined) return
    const start = this.#base + this.#at
    const first = this.#at < this.#windowLength ? this.#window[this.#at] : this.source.read(start, 1)[0]
    this.#visitor.onConstant(this.#opcodeOffset, start, length, first ?? 0)
  }

  #skipPayload(length: number): void {
    if (length < 0) throw new Break('bad-size')
    if (this.#isFramed) this.#align(length)
    this.#skipBytes(length)
  }

  /** Text must be UTF-8, surrogates allowed; what is not ends the stream in every loader. */
  #skipText(length: number): void {
    if (this.#isFramed) this.#align(length)
    if (length >= MIN_TOLD_BYTES) this.#tell(length)
    if (this.#at + length <= this.#windowLength) {
      const bytes = this.#window
      const end = this.#at + length
      let at = this.#at
      while (at < end && (bytes[at] ?? 0) < 0x80) at++
      if (at < end) {
        const check = new Utf8Check(true)
        if (!check.add(bytes, at, end) || !check.isComplete) throw new Break('bad-text')
      }
      this.#at = end
      return
    }
    const start = this.#base + this.#at
    if (start + length > this.source.size) throw new Break('truncated')
    const check = new Utf8Check(true)
    for (let done = 0; done < length; ) {
      const bytes = this.source.read(start + done, Math.min(WINDOW_BYTES, length - done))
      if (bytes.length === 0) throw new Break('truncated')
      if (!check.add(bytes, 0, bytes.length)) throw new Break('bad-text')
      done += bytes.length
    }
    if (!check.isComplete) throw new Break('bad-text')
    this.#seek(start + length)
  }

  /** Moves behind the line and gives its length without the line end. */
  #lineEnd(): number {
    const start = this.#base + this.#at
    const end = this.#findLineEnd(start)
    if (this.#isFramed && start < this.#frameEnd && (end === -1 || end >= this.#frameEnd)) {
      this.#leaveFrame(start)
      return this.#lineEnd()
    }
    if (end === -1) throw new Break('truncated')
    this.#seek(end + 1)
    return end - start
  }

  #findLineEnd(start: number): number {
    const inWindow = this.#window.subarray(0, this.#windowLength).indexOf(0x0a, this.#at)
    return inWindow === -1 ? indexOfBytes(this.source, LINE_END, start) : this.#base + inWindow
  }

  /** The bytes of the line, or undefined when it is too long to look at. A copy. */
  #line(maxBytes: number): Buffer | undefined {
    const length = this.#lineEnd()
    const start = this.#base + this.#at - 1 - length
    return length > maxBytes ? undefined : Buffer.from(this.source.read(start, length))
  }

  #numberLine(): string {
    return this.#line(MAX_NAME_BYTES)?.toString('latin1') ?? ''
  }

  #memoIndexLine(): number {
    const index = parseMemoIndex(this.#numberLine())
    if (index === undefined) throw new Break('bad-number')
    return index
  }

  #quotedLine(): void {
    const line = this.#line(MAX_LINE_BYTES)
    if (line !== undefined && decodeQuotedString(line) === undefined) throw new Break('bad-text')
  }

  #escapedLine(): void {
    const line = this.#line(MAX_LINE_BYTES)
    if (line !== undefined && decodeRawUnicodeEscape(line) === undefined) throw new Break('bad-text')
  }

  #nameLine(isAscii: boolean): string {
    const line = this.#line(MAX_NAME_BYTES)
    if (line === undefined || line.length === 0) throw new Break('bad-global')
    if (isAscii ? line.some((byte) => byte >= 0x80) : !isStrictUtf8(line)) throw new Break('bad-text')
    return line.toString('utf8')
  }

  // The stack.

  #push(value: Value): void {
    if (this.#stack.length >= this.#maxValues) throw new Break('over-budget')
    this.#stack.push(value)
  }

  #pop(): Value {
    if (this.#stack.length <= this.#fence) throw new Break('stack-underflow')
    return this.#stack.pop()
  }

  #top(): Value {
    if (this.#stack.length <= this.#fence) throw new Break('stack-underflow')
    return this.#stack.get(this.#stack.length - 1)
  }

  #popOrUnmark(): void {
    const marks = this.#marks
    if (marks.length > 0 && marks.get(marks.length - 1) === this.#stack.length) this.#marker()
    else this.#pop()
  }

  /** Takes the last mark away and gives its place on the stack. */
  #marker(): number {
    const marks = this.#marks
    if (marks.length === 0) throw new Break('no-mark')
    const mark = marks.pop()
    this.#fence = marks.length > 0 ? marks.get(marks.length - 1) : 0
    return mark
  }

  /** A container of what stands from `start` on, which is taken off the stack. */
  #container(type: number, start: number): Value {
    if (this.#containers.count >= this.#maxContainers) throw new Break('over-budget')
    const stack = this.#stack
    const container = this.#containers.create(type, stack, start, stack.length)
    if (this.#containers.cellCount > 2 * this.#maxValues) throw new Break('over-budget')
    stack.length = start
    return -1 - container
  }

  #object(object: GlobalValue | PersistentValue | BufferValue): Value {
    if (this.#objects.length >= MAX_OBJECTS) throw new Break('over-budget')
    this.#objects.push(object)
    return OBJECTS - this.#objects.length + 1
  }

  #tuple(length: 1 | 2 | 3): void {
    const stack = this.#stack
    const start = stack.length - length
    if (start < this.#fence) throw new Break('stack-underflow')
    if (this.#containers.count * 2 > this.#maxContainers && this.#isConstant(start)) {
      stack.length = start
      this.#push(this.#constantsTuple(length))
    } else {
      this.#push(this.#container(TUPLE, start))
    }
  }

  #isConstant(start: number): boolean {
    for (let index = start; index < this.#stack.length; index++) {
      if (this.#stack.get(index) < 0) return false
    }
    return true
  }

  /** Half the budget of containers spent, tuples of constants share one that only says their length. */
  #constantsTuple(length: 1 | 2 | 3): Value {
    const known = this.#constantsTuples[length]
    if (known !== undefined) return known
    const tuple = this.#container(TUPLE, this.#stack.length)
    this.#containers.drop(-1 - tuple, length)
    this.#constantsTuples[length] = tuple
    return tuple
  }

  /** Puts what stands from `start` on into what stands below. */
  #putInto(start: number, method: 'extend' | '__setitem__' | 'add', offset: number): void {
    const stack = this.#stack
    if (start > stack.length || start <= this.#fence) throw new Break('stack-underflow')
    const count = stack.length - start
    if (count === 0) return
    if (method === '__setitem__' && count % 2 !== 0) throw new Break('odd-items')
    const target = stack.get(start - 1)
    if (isContainer(target)) this.#fill(-1 - target, start)
    else if (target < 0) this.#visitor.onMutate?.(target, method, this.#stackItems(start), offset)
    stack.length = start
  }

  #stackItems(start: number): Value[] {
    const items: Value[] = []
    const end = Math.min(this.#stack.length, start + MAX_VISITED_ITEMS)
    for (let index = start; index < end; index++) items.push(this.#stack.get(index))
    return items
  }

  /** Beyond the budget only what could matter is kept: objects, and entries of a dict whose key looks special. */
  #fill(target: number, start: number): void {
    const stack = this.#stack
    const containers = this.#containers
    if (containers.cellCount + stack.length - start <= this.#maxValues) {
      containers.add(target, stack, start, stack.length)
      return
    }
    const step = containers.type(target) === DICT ? 2 : 1
    for (let index = start; index < stack.length; index += step) {
      const item = stack.get(index)
      const isKept = item < 0 || (step === 2 && (stack.get(index + 1) < 0 || this.#isSpecialKey(item)))
      if (isKept) containers.add(target, stack, index, index + step)
      else containers.drop(target, step)
    }
    if (containers.cellCount > 2 * this.#maxValues) throw new Break('over-budget')
  }

  #isSpecialKey(key: Value): boolean {
    const constant = this.constant(key, 64)
    return (constant?.type === 'text' || constant?.type === 'string') && constant.value.startsWith('_')
  }

  // The memo.

  #memoPut(index: number): void {
    this.memo.put(index, this.#top())
    if (this.memo.size > this.#maxValues || this.memo.sparseSize > MAX_SPARSE_ENTRIES) {
      throw new Break('over-budget')
    }
  }

  #memoGet(index: number): void {
    const value = this.memo.get(index)
    if (Number.isNaN(value)) throw new Break('memo-missing')
    this.#push(value)
  }

  // What the opcodes do beyond the stack.

  #proto(): void {
    const protocol = this.#unsigned(1)
    if (protocol > 5) throw new Break('unsupported-protocol')
    this.#protocol = protocol
  }

  /** A frame's bytes must be there; CPython's C code asks for nothing else. */
  #frame(): void {
    const length = this.#unsigned(8)
    const position = this.#base + this.#at
    if (position < this.#frameEnd) {
      this.#hasStraddle = true
      if (this.#isFramed) {
        if (position + length <= this.#frameEnd) return
        this.#seek(this.#frameEnd)
      }
    }
    this.#frameEnd = this.#base + this.#at + length
    if (this.#frameEnd <= this.source.size) return
    this.#hasOverlongFrame = true
    if (this.#isFramed) throw new Break('truncated')
  }

  #pushGlobal(
    module: string | undefined,
    name: string | undefined,
    opcode: GlobalOpcode,
    offset: number,
    extensionCode?: number,
  ): void {
    const global: GlobalValue = {
      kind: 'global',
      module,
      name,
      opcode,
      offset,
      protocol: this.#protocol,
      extensionCode,
    }
    const value = this.#object(global)
    this.#visitor.onGlobal?.(global)
    this.#push(value)
  }

  #stackGlobal(offset: number): void {
    const name = this.#nameOperand(this.#pop())
    const module = this.#nameOperand(this.#pop())
    this.#pushGlobal(module, name, 'STACK_GLOBAL', offset)
  }

  /** The text of an operand; undefined when it is made by a call. What can never be text ends the stream. */
  #nameOperand(value: Value): string | undefined {
    if (value < 0) {
      if (isContainer(value)) throw new Break('bad-global')
      return undefined
    }
    const constant = this.constant(value, MAX_NAME_BYTES)
    if (constant?.type !== 'text' && constant?.type !== 'string') throw new Break('bad-global')
    return constant.value
  }

  #inst(offset: number): void {
    const mark = this.#marker()
    const module = this.#nameLine(true)
    this.#pushGlobal(module, this.#nameLine(true), 'INST', offset)
    const callee = this.#stack.pop()
    this.#call(callee, this.#container(TUPLE, mark), undefined, 'INST', offset)
  }

  #obj(offset: number): void {
    const mark = this.#marker()
    if (this.#stack.length - mark < 1) throw new Break('stack-underflow')
    const args = this.#container(TUPLE, mark + 1)
    this.#call(this.#pop(), args, undefined, 'OBJ', offset)
  }

  #call(callee: Value, args: Value, keywords: Value | undefined, opcode: CallOpcode, offset: number): void {
    const calls = this.#calls
    const index = calls.length / CALL_CELLS
    if (index >= this.#maxContainers) throw new Break('over-budget')
    calls.push(callee)
    calls.push(args)
    calls.push(keywords ?? Number.NaN)
    calls.push(offset)
    calls.push(CALL_OPCODES.indexOf(opcode))
    const value = CALLS - index
    this.#noteExtension(callee, args)
    this.#visitor.onCall?.(value)
    this.#push(value)
  }

  #build(offset: number): void {
    if (this.#stack.length - 2 < this.#fence) throw new Break('stack-underflow')
    const state = this.#pop()
    const target = this.#top()
    this.#visitor.onBuild?.(target, state, offset)
    if (target <= CALLS) {
      const states = this.#states.get(target)
      if (states === undefined) this.#states.set(target, [state])
      else if (states.length < MAX_STATES) states.push(state)
    }
    const position = this.#base + this.#at
    const isInFrame = position < this.#frameEnd && this.#frameEnd <= this.source.size
    const resumeAt = this.#visitor.afterBuild?.(target, isInFrame ? this.#frameEnd : position)
    if (resumeAt === undefined) return
    if (isInFrame) {
      this.#jumpAt = this.#frameEnd
      this.#jumpTo = resumeAt
    } else {
      this.#seek(resumeAt)
    }
    this.#frameEnd = 0
  }

  #persistent(id: Value, offset: number): void {
    const persistent: PersistentValue = { kind: 'persistent', id, offset }
    const value = this.#object(persistent)
    this.#visitor.onPersistent?.(persistent)
    this.#push(value)
  }

  /** `copyreg.add_extension(module, name, code)` in the stream makes an extension code mean a global. */
  #noteExtension(calleeValue: Value, args: Value): void {
    const callee = this.resolve(calleeValue, 0)
    if (callee?.kind !== 'global' || callee.module === undefined) return
    const resolved = resolvePython2Name(callee.module, callee.name ?? '', callee.protocol)
    if (resolved.module !== 'copyreg' || resolved.name !== 'add_extension') return
    const [module, name, code] = (this.items(args, 3) ?? []).map((value) => this.constant(value))
    if (
      (module?.type === 'text' || module?.type === 'string') &&
      (name?.type === 'text' || name?.type === 'string') &&
      code?.type === 'int'
    ) {
      this.extensions.set(Number(code.value), [module.value, name.value])
    }
  }

  #extension(code: number, offset: number): void {
    if (code <= 0) throw new Break('bad-extension')
    const registered = this.extensions.get(code)
    this.#pushGlobal(registered?.[0], registered?.[1], 'EXT', offset, code)
  }
}

function isStrictUtf8(bytes: Uint8Array): boolean {
  const check = new Utf8Check(false)
  return check.add(bytes, 0, bytes.length) && check.isComplete
}
