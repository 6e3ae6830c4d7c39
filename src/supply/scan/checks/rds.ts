import { type ByteSource, Cursor } from '../../../formats/index.ts'
import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

const MAX_ITEMS = 2_000_000
const MAX_DEPTH = 2_000
const HAS_ATTRIBUTES = 0x200
const HAS_TAG = 0x400
/** Types without a body (R Internals, "Serialization Formats"). */
const BARE = new Set([254, 253, 252, 251, 250, 242, 241])

class Unreadable extends Error {}

/** R's serialisation in XDR form, plain or inside a workspace. False where it is not. */
export function checkRds(blob: Blob, source: ByteSource, context: CheckContext): boolean {
  const head = Buffer.from(source.read(0, 16)).toString('latin1')
  const workspace = /^RD[XA][23]\n/.test(head) ? 5 : 0
  const body = head.slice(workspace)
  if (body.startsWith('A\n') && workspace > 0) {
    context.examination.report('content.unread', blob, { message: 'R data in text form is not read' })
    return true
  }
  if (!body.startsWith('X\n\0\0\0\u0002') && !body.startsWith('X\n\0\0\0\u0003')) return false
  const reader = new RdsReader(source, workspace + 2)
  const problem = reader.read()
  if (reader.promise !== undefined) {
    const message = 'a promise in the data runs R code when its value is used'
    context.examination.report('rds.promise', blob, { message, offset: reader.promise })
  }
  if (reader.code !== undefined) {
    context.examination.report('rds.code', blob, {
      message: 'the data holds R functions',
      offset: reader.code,
      severity: 'info',
    })
  }
  if (problem !== undefined) context.examination.report('content.unread', blob, { message: problem })
  return true
}

class RdsReader {
  promise: number | undefined
  code: number | undefined
  readonly #cursor: Cursor
  #items = 0

  constructor(source: ByteSource, start: number) {
    this.#cursor = new Cursor(source, start)
  }

  /** Gives why it stopped early, if it did. */
  read(): string | undefined {
    try {
      const version = this.#int()
      this.#cursor.skip(8)
      if (version === 3) this.#cursor.skip(this.#int())
      this.#item(0)
      return undefined
    } catch (thrown) {
      // A list is as deep as it is long.
      if (thrown instanceof RangeError) return 'the R data is deeper than is read'
      if (!(thrown instanceof Unreadable)) throw thrown
      return thrown.message
    }
  }

  #int(): number {
    const bytes = this.#cursor.bytes(4)
    if (bytes.length < 4) throw new Unreadable('the R data ends early')
    return bytes.readInt32BE(0)
  }

  #length(elementBytes: number): number {
    let length = this.#int()
    if (length === -1) length = this.#int() * 2 ** 32 + (this.#int() >>> 0)
    if (length < 0 || length * elementBytes > this.#cursor.remaining)
      throw new Unreadable('R data is longer than its file')
    return length
  }

  #item(depth: number): void {
    if (depth > MAX_DEPTH || ++this.#items > MAX_ITEMS)
      throw new Unreadable('the R data is larger or deeper than is read')
    const offset = this.#cursor.position
    const flags = this.#int()
    const type = flags & 0xff
    const attributes = (flags & HAS_ATTRIBUTES) !== 0
    if (BARE.has(type)) return
    if (type === 255) {
      if (flags >> 8 === 0) this.#int()
      return
    }
    if (type === 5) this.promise ??= offset
    if (type === 3 || type === 21 || type === 6) this.code ??= type === 6 ? this.code : offset
    if ([2, 3, 5, 6, 17, 239, 240].includes(type)) {
      if (attributes || type > 200) this.#item(depth + 1)
      if ((flags & HAS_TAG) !== 0) this.#item(depth + 1)
      this.#item(depth + 1)
      // The rest of a list is no deeper than the list.
      this.#item(type === 2 || type === 6 ? depth : depth + 1)
      return
    }
    this.#plain(type, depth)
    if (attributes && type !== 9 && type !== 4 && type !== 1) this.#item(depth + 1)
  }

  #plain(type: number, depth: number): void {
    if (type === 1) this.#item(depth + 1)
    else if (type === 4) {
      this.#int()
      for (let index = 0; index < 4; index++) this.#item(depth + 1)
    } else if (type === 9) {
      const length = this.#int()
      if (length > this.#cursor.remaining) throw new Unreadable('R data is longer than its file')
      if (length > 0) this.#cursor.skip(length)
    } else if (type === 10 || type === 13) this.#cursor.skip(this.#length(4) * 4)
    else if (type === 14) this.#cursor.skip(this.#length(8) * 8)
    else if (type === 15) this.#cursor.skip(this.#length(16) * 16)
    else if (type === 24) this.#cursor.skip(this.#length(1))
    else if (type === 7 || type === 8) this.#cursor.skip(this.#length(1))
    else if (type === 16 || type === 19 || type === 20) {
      const count = this.#length(4)
      for (let index = 0; index < count; index++) this.#item(depth + 1)
    } else if (type === 247 || type === 248 || type === 249) {
      this.#int()
      const count = this.#length(4)
      for (let index = 0; index < count; index++) this.#item(depth + 1)
    } else if (type === 22) {
      this.#item(depth + 1)
      this.#item(depth + 1)
    } else if (type === 238) {
      for (let index = 0; index < 3; index++) this.#item(depth + 1)
    } else if (type !== 25 && type !== 23) {
      throw new Unreadable(`R data of type ${type} is not read`)
    }
  }
}
