import { isAtLeast, SEVERITIES } from '../../../core/index.ts'
import {
  type ByteSource,
  bytesExtent,
  indexOfBytes,
  memorySource,
  type PickleEnd,
  PickleMachine,
  type PickleVisitor,
  sliceSource,
  type Value,
} from '../../../formats/index.ts'
import type { NestedBytes, PickleContext, PickleScan, PickleSighting } from './context.ts'
import { rawArrayOf } from './joblib.ts'
import { PicklePolicy } from './policy.ts'
import {
  BROKEN_STREAM,
  DTYPE_LIE,
  FRAME_DISAGREEMENT,
  HIDDEN_PICKLE,
  NESTED_PICKLE,
  OVER_BUDGET,
  PERSISTENT_ID,
  TRAILING_DATA,
  UNREAD_ARRAY,
} from './rules.ts'

/** Pickles one after the other in one file. */
const MAX_PICKLES = 10_000
/** How far behind the last pickle another is looked for. */
const MAX_TRAILING_SEARCH = 4 * 1024 * 1024
const MAX_TRAILING_TRIES = 2000
const MAX_TRAILING_OPCODES = 5_000_000
const MAX_DEPTH = 4
const MAX_NESTED = 64
const MAX_NESTED_BYTES = 64 * 1024 * 1024
const MAX_NESTED_TRIES = 500

/** What torch's older format begins with: a pickle of this number, then four more, then raw storages. */
const TORCH_MAGIC = 0x1950a86a20f9469cfc6cn
const TORCH_LEGACY_PICKLES = 5

/**
 * Carries out every pickle of a source as the loaders would and judges what each imports, calls and sets. Reads what
 * follows a break or a STOP too, because some loader does.
 */
export function scanPickle(source: ByteSource, context: PickleContext): PickleScan {
  return new PickleFile(source, context, 0).scan()
}

/** What a second look at the same pickles wants to be told. */
export interface PickleTrace {
  onOpcode(offset: number): void
  onCall(machine: PickleMachine, call: Value): void
}

/** Carries out the pickles of a source once more, for whoever explains them. */
export function tracePickle(source: ByteSource, context: PickleContext, trace: PickleTrace): void {
  new PickleFile(source, context, 0, trace).scan()
}

/** Whether the first bytes could be a pickle's: enough to try, nothing more. */
export function looksLikePickle(head: Uint8Array): boolean {
  const [first, second] = head
  if (first === undefined) return false
  if (first === 0x80) return second !== undefined && second <= 5
  return PLAUSIBLE_STARTS.has(first)
}

/** Opcodes of protocols 0 and 1 that a stream begins with, those of numbers and texts only before a digit or quote. */
const PLAUSIBLE_STARTS: ReadonlySet<number> = new Set(
  [...'(])}cNIJKLMFGSTUVXPp2BC']
    .map((character) => character.charCodeAt(0))
    .concat(0x88, 0x89, 0x8c, 0x8d, 0x8e, 0x8f, 0x95),
)

class PickleFile {
  readonly #source: ByteSource
  readonly #context: PickleContext
  readonly #depth: number
  readonly #trace: PickleTrace | undefined
  readonly #policy: PicklePolicy
  readonly #extensions = new Map<number, readonly [string, string]>()
  readonly #nested: NestedBytes[] = []
  /** Where joblib's raw arrays stand, so that a second view starts nothing there. */
  #arrays = 0
  #nestedTries = 0
  readonly #budget: OpcodeBudget

  constructor(
    source: ByteSource,
    context: PickleContext,
    depth: number,
    trace?: PickleTrace,
    budget: OpcodeBudget = { left: context.maxOpcodes },
  ) {
    this.#trace = trace
    this.#source = source
    this.#context = context
    this.#depth = depth
    this.#policy = new PicklePolicy(context, (policy, value) => this.#judgeFile(policy, value))
    this.#budget = budget
  }

  scan(): PickleScan {
    const first = this.#load(0, undefined)
    const isPickle = this.#isPickle(first.end, 0)
    if (!isPickle && !this.#context.isClaimed) {
      return { isPickle: false, end: 0, findings: [], imports: [], nested: [] }
    }
    this.#noteBreak(first.end)
    const end = first.end.breakCode === undefined ? this.#loadMore(first) : first.end.end
    this.#searchBehind(end)
    this.#notePersistent()
    return {
      isPickle,
      end,
      findings: this.#policy.sightings,
      imports: [...this.#policy.imports],
      nested: this.#nested,
    }
  }

  /** The pickles behind the first; gives where the last one ended. */
  #loadMore(first: Loaded): number {
    let last = first
    const isTorch = this.#isTorchMagic(first)
    for (let count = 1; count < MAX_PICKLES; count++) {
      const start = last.end.end
      if (start >= this.#source.size) return start
      if (isTorch && count === TORCH_LEGACY_PICKLES) return this.#source.size
      const before = this.#policy.mark()
      const next = this.#load(start, last.machine)
      if (!this.#isPickle(next.end, start) && !isTorch) {
        this.#policy.reset(before)
        return start
      }
      this.#noteBreak(next.end)
      if (next.end.breakCode !== undefined) return next.end.end
      last = next
    }
    this.#policy.sight(OVER_BUDGET, `more than ${MAX_PICKLES} pickles follow each other`, last.end.end)
    return last.end.end
  }

  /** Carries out one pickle under every view that differs. */
  #load(start: number, previous: PickleMachine | undefined): Loaded {
    const arraysBefore = this.#arrays
    let machine = this.#machine(start, 'contiguous', true)
    let end = this.#run(machine)
    if (end.breakCode === 'memo-missing' && previous !== undefined) {
      this.#policy.machine = previous
      end = previous.runAgain(start)
      machine = previous
    }
    if (end.hasStraddle) {
      this.#policy.sight(FRAME_DISAGREEMENT, 'an opcode stands across the end of a frame', end.breakOffset)
      this.#run(this.#machine(start, 'framed', false))
    }
    if (this.#arrays > arraysBefore) this.#loadWithoutArrays(start)
    this.#policy.machine = machine
    return { machine, end }
  }

  /** Everything that is carried out for one file counts, however often its bytes are. */
  #run(machine: PickleMachine): PickleEnd {
    const end = machine.run()
    this.#budget.left -= end.opcodes
    return end
  }

  #machine(start: number, view: 'contiguous' | 'framed', readsArrays: boolean): PickleMachine {
    const policy = this.#policy
    const trace = this.#trace
    const visitor: PickleVisitor = {
      onGlobal: (global) => policy.onGlobal(global),
      onCall: (call) => {
        policy.onCall(call)
        trace?.onCall(policy.machine, call)
      },
      onBuild: (target, state, offset) => policy.onBuild(target, state, offset),
      onMutate: (target, method, items, offset) => policy.onMutate(target, method, items, offset),
      onPersistent: (persistent) => policy.onPersistent(persistent),
      onConstant: (value, at, length, first) => this.#lookInside(value, at, length, first),
      ...(trace === undefined ? {} : { onOpcode: (offset) => trace.onOpcode(offset) }),
      ...(readsArrays ? { afterBuild: (target, at) => this.#readArray(machine, target, at) } : {}),
    }
    const machine = new PickleMachine(this.#source, visitor, {
      start,
      view,
      extensions: this.#extensions,
      maxOpcodes: Math.max(1, this.#budget.left),
      ...(this.#context.onProgress === undefined ? {} : { onProgress: this.#context.onProgress }),
    })
    policy.machine = machine
    return machine
  }

  // joblib.

  #readArray(machine: PickleMachine, target: Value, at: number): number | undefined {
    const array = rawArrayOf(machine, target)
    if (array === undefined) return undefined
    this.#arrays++
    if (array.kind === 'unknown') {
      this.#policy.sight(UNREAD_ARRAY, 'the type or shape of an array cannot be told', at)
      return undefined
    }
    if (array.kind === 'pickle') {
      if (array.isLie) this.#policy.sight(DTYPE_LIE, 'an array of objects says that it has none', at)
      const inner = this.#machine(at, 'contiguous', false)
      const end = this.#run(inner)
      this.#policy.machine = machine
      this.#noteBreak(end)
      return end.end
    }
    const padding = array.isAligned ? 1 + (this.#source.read(at, 1)[0] ?? 0) : 0
    return Math.min(at + padding + array.length, this.#source.size)
  }

  /** `pickle.load` of a joblib file reads the arrays as opcodes. Only what is surely harmful counts in that view. */
  #loadWithoutArrays(start: number): void {
    const before = this.#policy.mark()
    this.#run(this.#machine(start, 'contiguous', false))
    const seen = this.#policy.sightings.slice(before.sightings)
    this.#policy.reset(before)
    for (const sighting of seen) {
      if (sighting.severity === 'critical' && isPlainName(sighting)) this.#policy.add(sighting)
    }
  }

  // Constants.

  #lookInside(value: Value, start: number, length: number, first: number): void {
    if (this.#depth >= MAX_DEPTH || this.#nestedTries >= MAX_NESTED_TRIES) return
    if (!INSIDE_STARTS.has(first) || length > MAX_NESTED_BYTES) return
    const head = Buffer.from(this.#source.read(start, 16))
    if (head[0] === 0x80 && (head[1] ?? 255) <= 5) {
      this.#judgeInside(sliceSource(this.#source, start, length), value)
    } else if (/^gA[IJMNQRSUV]/.test(head.toString('latin1'))) {
      this.#judgeInside(memorySource(Buffer.from(this.#text(start, length), 'base64')), value)
    } else if (/^800[2-5]/.test(head.toString('latin1'))) {
      this.#judgeInside(memorySource(Buffer.from(this.#text(start, length), 'hex')), value)
    } else if (isOtherFormat(head) && this.#nested.length < MAX_NESTED) {
      this.#nested.push({ offset: start, bytes: Buffer.from(this.#source.read(start, length)) })
    }
  }

  #inner(source: ByteSource, isClaimed: boolean): PickleFile {
    return new PickleFile(source, { ...this.#context, isClaimed }, this.#depth + 1, undefined, this.#budget)
  }

  #text(start: number, length: number): string {
    return Buffer.from(this.#source.read(start, length)).toString('latin1')
  }

  #judgeInside(inside: ByteSource, value: Value): void {
    this.#nestedTries++
    const scan = this.#inner(inside, false).scan()
    const worst = worstOf(scan)
    if (worst === undefined || !isAtLeast(worst.severity, 'high')) return
    this.#policy.sight(NESTED_PICKLE, `a constant holds a pickle: ${worst.message}`, value, {
      ...(worst.evidence === undefined ? {} : { evidence: worst.evidence }),
    })
  }

  /** A constant that a call loads as a torch file. */
  #judgeFile(policy: PicklePolicy, value: Value): string | undefined {
    const extent = value >= 0 ? bytesExtent(this.#source, value) : undefined
    if (extent === undefined) return 'what it loads is computed'
    if (this.#depth >= MAX_DEPTH) return 'files are nested too deeply in it'
    const inside = sliceSource(this.#source, extent.start, extent.size)
    const head = inside.read(0, 4)
    if (head[0] === 0x50 && head[1] === 0x4b) {
      if (extent.size > MAX_NESTED_BYTES || this.#nested.length >= MAX_NESTED)
        return 'what it loads is too large'
      this.#nested.push({ offset: extent.start, bytes: Buffer.from(inside.read(0, extent.size)) })
      return undefined
    }
    const scan = this.#inner(inside, true).scan()
    for (const finding of scan.findings) policy.add({ ...finding, offset: finding.offset + extent.start })
    const worst = scan.findings.find((finding) => isAtLeast(finding.severity, 'medium'))
    return worst === undefined ? undefined : `what it loads is not harmless: ${worst.message}`
  }

  // Whether it is a pickle, and what stands around it.

  #isTorchMagic(first: Loaded): boolean {
    const result = first.end.result
    const constant = result === undefined ? undefined : first.machine.constant(result)
    return constant?.type === 'int' && constant.value === TORCH_MAGIC
  }

  /** A header and a STOP, a whole file, or imports that are called: random bytes have none of them. */
  #isPickle(end: PickleEnd, start: number): boolean {
    if (end.opcodes === 0) return false
    const hasHeader = hasProtocol(this.#source, start)
    if (end.breakCode === undefined) {
      return hasHeader || (end.opcodes > 1 && (end.end === this.#source.size || this.#policy.hasPlainImports))
    }
    return this.#policy.hasPlainImports && (this.#policy.calls > 0 || hasHeader)
  }

  #noteBreak(end: PickleEnd): void {
    if (end.breakCode === undefined) return
    if (end.breakCode === 'over-budget') {
      this.#policy.sight(OVER_BUDGET, 'the pickle needs more memory or opcodes than it may', end.breakOffset)
      return
    }
    const place = this.#policy.calls > 0 ? 'after it has called something' : 'before it has called anything'
    this.#policy.sight(BROKEN_STREAM, `the pickle breaks (${end.breakCode}) ${place}`, end.breakOffset)
  }

  #notePersistent(): void {
    for (const [kind, count] of this.#policy.persistentKinds) {
      if (kind !== 'storage') {
        this.#policy.sight(PERSISTENT_ID, `${count} objects of kind ${kind} come from the loader`, 0)
      }
    }
  }

  /** Looks for a harmful pickle in what follows the last one. */
  #searchBehind(end: number): void {
    const size = this.#source.size
    if (end >= size || this.#depth > 0) return
    this.#policy.sight(TRAILING_DATA, `${size - end} bytes follow the last pickle`, end)
    const limit = Math.min(size, end + MAX_TRAILING_SEARCH)
    let tries = 0
    const budget = { left: Math.min(this.#budget.left, MAX_TRAILING_OPCODES) }
    for (const start of candidates(this.#source, end, limit)) {
      if (++tries > MAX_TRAILING_TRIES || budget.left <= 0) return
      const rest = sliceSource(this.#source, start, size - start)
      const scan = new PickleFile(rest, { ...this.#context, isClaimed: false }, 1, undefined, budget).scan()
      const worst = scan.findings.find((finding) => finding.severity === 'critical')
      if (worst === undefined) continue
      this.#policy.sight(HIDDEN_PICKLE, `a pickle stands behind the end: ${worst.message}`, start, {
        ...(worst.evidence === undefined ? {} : { evidence: worst.evidence }),
      })
      return
    }
  }
}

function worstOf(scan: PickleScan): PickleSighting | undefined {
  return scan.findings.toSorted((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity))[0]
}

interface OpcodeBudget {
  left: number
}

interface Loaded {
  readonly machine: PickleMachine
  readonly end: PickleEnd
}

function hasProtocol(source: ByteSource, start: number): boolean {
  const head = source.read(start, 2)
  return head[0] === 0x80 && (head[1] ?? 255) <= 5
}

const INSIDE_STARTS: ReadonlySet<number> = new Set([
  0x80, 0x67, 0x38, 0x78, 0x1f, 0x42, 0xfd, 0x50, 0x37, 0x04,
])

/** zlib, gzip, bzip2, xz, zip, 7z, lz4: for readers of those. */
function isOtherFormat(head: Buffer): boolean {
  return /^(?:78(?:01|5e|9c|da)|1f8b|425a68|fd377a58|504b0304|377abcaf|04224d18|28b52ffd)/.test(
    head.toString('hex'),
  )
}

function isPlainName(sighting: PickleSighting): boolean {
  return sighting.evidence !== undefined && /^[A-Za-z_][\w.]*$/.test(sighting.evidence)
}

const PROTOCOL_BYTE = Uint8Array.of(0x80)
/** The opcodes GLOBAL and INST of old protocols, with a module that matters. */
const OLD_IMPORT =
  /[ci](?:os|posix|nt|sys|subprocess|builtins|__builtin__|importlib|runpy|commands|pty|socket|shutil|pickle|cPickle|marshal|types|webbrowser|urllib\S{0,20})\n\w{1,40}\n/g

function* candidates(source: ByteSource, from: number, to: number): Generator<number> {
  for (let at = from; at < to; at++) {
    at = indexOfBytes(source, PROTOCOL_BYTE, at, to)
    if (at === -1) break
    if (hasProtocol(source, at) && source.read(at, 2)[1] !== 0) yield at
  }
  const text = Buffer.from(source.read(from, to - from)).toString('latin1')
  for (const match of text.matchAll(OLD_IMPORT)) yield from + match.index
}
