import type { EventId, Sha256 } from '../core/index.ts'
import { HASH_BYTES, leafHash } from '../crypto/index.ts'
import { corrupt } from './errors.ts'
import type { LogEntry, LoggedEvent, Opening } from './event.ts'
import { readAt } from './file-access.ts'
import { ENTRIES_FILE, INDEX_FILE, type Position, SIDE_FILE } from './files.ts'
import { readFrame } from './frames.ts'
import { parseLeaf } from './leaf.ts'
import type { LogFiles } from './log-files.ts'
import { readSideRecord, type SideRecord } from './side-record.ts'
import type { EntryOffsets, TreeStore } from './tree-store.ts'

const ENTRIES_A_READ = 64

/** The bytes of a leaf with its place. */
export interface LeafBytes {
  readonly index: number
  readonly bytes: Buffer
  readonly hash: Buffer
}

/** Reads committed entries back, each checked against its hash in the tree. */
export class LogReader {
  readonly #files: LogFiles
  readonly #tree: TreeStore
  readonly #committed: () => Position

  constructor(files: LogFiles, tree: TreeStore, committed: () => Position) {
    this.#files = files
    this.#tree = tree
    this.#committed = committed
  }

  /** Entries [from, to), in order. */
  async *read(from: number, to: number): AsyncGenerator<LogEntry> {
    for (let first = from; first < to; first += ENTRIES_A_READ) {
      yield* await this.#readSome(first, Math.min(ENTRIES_A_READ, to - first))
    }
  }

  async entry(index: number): Promise<LogEntry> {
    const [entry] = await this.#readSome(index, 1)
    if (entry === undefined) throw new RangeError(`no entry ${index}`)
    return entry
  }

  /** Leaves [first, first + count), with nothing of the side store. */
  async leaves(first: number, count: number): Promise<LeafBytes[]> {
    const { offsets, end } = await this.#extent(first, count)
    return this.#readLeaves(first, offsets, end.entriesBytes)
  }

  /** Where the event with this id stands; ids rise strictly, so this is a binary search. */
  async find(id: EventId): Promise<number | undefined> {
    let low = 0
    let high = this.#committed().size
    // The last steps are taken among leaves that were read together.
    let near: readonly LeafBytes[] = []
    while (low < high) {
      if (near.length === 0 && high - low <= ENTRIES_A_READ) near = await this.leaves(low, high - low)
      const middle = Math.floor((low + high) / 2)
      const leaf = near.find(({ index }) => index === middle) ?? (await this.leaves(middle, 1))[0]
      if (leaf === undefined) return undefined
      const found = parsed(leaf).id
      if (found === id) return middle
      if (found < id) low = middle + 1
      else high = middle
    }
    return undefined
  }

  /** The bytes of an entry's side record and where they stand. */
  async sideRecord(index: number): Promise<{ bytes: Buffer; position: number }> {
    const { offsets, end } = await this.#extent(index, 1)
    const position = offsets[0]?.side ?? end.sideBytes
    return { bytes: await this.#readFile(this.#files.side.fd, SIDE_FILE, position, end.sideBytes), position }
  }

  async #readSome(first: number, count: number): Promise<LogEntry[]> {
    const { offsets, end } = await this.#extent(first, count)
    const leaves = await this.#readLeaves(first, offsets, end.entriesBytes)
    const sideStart = offsets[0]?.side ?? end.sideBytes
    const side = await this.#readFile(this.#files.side.fd, SIDE_FILE, sideStart, end.sideBytes)
    return leaves.map((leaf, at) => {
      const event = parsed(leaf)
      const sideAt = (offsets[at]?.side ?? end.sideBytes) - sideStart
      const hasRecord = Object.keys(event.commitments).length > 0
      const record = hasRecord ? readSideRecord(side, sideAt) : undefined
      const openings = hasRecord ? nameOpenings(event, record, leaf.index) : {}
      return {
        index: leaf.index,
        ...event,
        leafHash: leaf.hash.toString('hex') as Sha256,
        openings,
        private: keptValues(openings),
      }
    })
  }

  /** Where the entries begin, and where the last of them ends in both files. */
  async #extent(first: number, count: number): Promise<{ offsets: EntryOffsets[]; end: Position }> {
    const committed = this.#committed()
    const last = first + count
    if (first < 0 || last > committed.size) throw new RangeError('no such entries')
    const offsets = await this.#tree.offsets(first, last < committed.size ? count + 1 : count)
    const next = last < committed.size ? offsets.pop() : undefined
    const end =
      next === undefined ? committed : { size: last, entriesBytes: next.entries, sideBytes: next.side }
    return { offsets, end }
  }

  async #readLeaves(first: number, offsets: readonly EntryOffsets[], end: number): Promise<LeafBytes[]> {
    const start = offsets[0]?.entries ?? end
    const bytes = await this.#readFile(this.#files.entries.fd, ENTRIES_FILE, start, end)
    const hashes = await this.#tree.hashes(0, first, offsets.length)
    return offsets.map(({ entries }, at) => {
      const index = first + at
      const frame = entries < start ? undefined : readFrame(bytes, entries - start)
      const leaf = frame?.kind === 'entry' ? bytes.subarray(frame.start, frame.end) : undefined
      const hash = hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
      if (leaf === undefined || !leafHash(leaf).equals(hash)) {
        throw corrupt('the entry does not hash to its leaf in the tree', {
          file: ENTRIES_FILE,
          offset: entries,
          index,
        })
      }
      return { index, bytes: leaf, hash }
    })
  }

  async #readFile(fd: number, file: string, start: number, end: number): Promise<Buffer> {
    const longest = ENTRIES_A_READ * 4 * 1024 * 1024
    if (end < start || end - start > longest)
      throw corrupt('its offsets are not in order', { file: INDEX_FILE })
    try {
      return await readAt(fd, start, end - start)
    } catch (cause) {
      if (cause instanceof RangeError)
        throw corrupt('it is shorter than the index says', { file, offset: end }, cause)
      throw cause
    }
  }
}

function parsed(leaf: LeafBytes): LoggedEvent {
  const event = parseLeaf(leaf.bytes)
  if (event === undefined) {
    throw corrupt('the entry is not the canonical text of an event', {
      file: ENTRIES_FILE,
      index: leaf.index,
    })
  }
  return event
}

/** The openings of a side record by the names of the commitments, which stand in the same order. */
export function nameOpenings(
  event: LoggedEvent,
  record: SideRecord | undefined,
  index: number,
): Record<string, Opening> {
  const names = Object.keys(event.commitments)
  if (record === undefined || record.index !== index || record.openings.length !== names.length) {
    throw corrupt('the record does not fit its entry', { file: SIDE_FILE, index })
  }
  return Object.fromEntries(
    names.flatMap((name, slot) => {
      const opening = record.openings[slot]
      return opening === undefined ? [] : [[name, opening] as const]
    }),
  )
}

function keptValues(openings: Readonly<Record<string, Opening>>): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(openings).flatMap(([name, opening]) =>
      opening.state === 'kept' ? [[name, opening.value] as const] : [],
    ),
  )
}
