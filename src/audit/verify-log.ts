import { setTimeout } from 'node:timers/promises'
import { SallyportError } from '../core/index.ts'
import {
  type Checkpoint,
  HASH_BYTES,
  leafHash,
  MerkleFrontier,
  NoteVerifier,
  openCheckpoint,
} from '../crypto/index.ts'
import { opensCommitment } from './commitment.ts'
import { readDescription } from './description.ts'
import { erasureOf } from './erasure.ts'
import { corrupt, type DamagePlace, diskFailed, historyChanged } from './errors.ts'
import type { LoggedEvent, Opening } from './event.ts'
import { readAt } from './file-access.ts'
import { FileCursor } from './file-cursor.ts'
import {
  ENTRIES_FILE,
  HEAD_BYTES,
  HEAD_FILE,
  type Head,
  hashesAtLevel,
  INDEX_FILE,
  INDEX_RECORD_BYTES,
  LEVEL_FILES,
  parseHead,
  SIDE_FILE,
  TILE_HEIGHT,
} from './files.ts'
import { MAXIMUM_FRAME_BYTES, readFrame } from './frames.ts'
import { GrowableBuffer } from './growable-buffer.ts'
import { parseLeaf } from './leaf.ts'
import { LogFiles } from './log-files.ts'
import { nameOpenings } from './log-reader.ts'
import { MAXIMUM_RECORD_BYTES, readSideRecord } from './side-record.ts'

export interface VerifyOptions {
  /** A signed checkpoint that was kept from an earlier visit. */
  readonly earlier?: string
  readonly onProgress?: (entries: number) => void
}

/** What a full verification found. There is a report only of a log that holds. */
export interface LogReport {
  readonly origin: string
  /** Entries under the newest checkpoint. */
  readonly size: number
  /** Its root hash, base64 as in the checkpoint. */
  readonly root: string
  /** Signed checkpoints, all of them consistent with each other. */
  readonly checkpoints: number
  readonly commitments: number
  /** Commitments whose values are kept; each opens to its value. */
  readonly kept: number
  readonly erased: number
  /** Bytes after the newest checkpoint: a commit that was under way, acknowledged to nobody. */
  readonly unfinishedBytes: number
}

/**
 * Recomputes a whole log from its files, offline: every leaf, every stored hash, every checkpoint's signature and root,
 * every index record, and that what the side store keeps opens its commitment. The folder is only read; it may be in use.
 * After a power cut, start Sallyport once before, so that what the crash cut off is put in order.
 *
 * @param vkey verifier key of the log, from a place that whoever can write to the folder cannot change
 * @param options.earlier a signed checkpoint that was kept from an earlier visit; the log must continue from it
 * @param options.onProgress called now and then with the number of entries verified
 * @throws {SallyportError} `audit.log-corrupt` and what `AuditLog.open` throws, at the first difference;
 *   `audit.history-changed` when the log is sound in itself but does not continue from the earlier checkpoint
 */
export async function verifyLog(
  directory: string,
  vkey: string,
  options: VerifyOptions = {},
): Promise<LogReport> {
  const verifier = NoteVerifier.parse(vkey)
  let files: LogFiles | undefined
  try {
    await readDescription(directory, verifier, verifier.name)
    files = await LogFiles.open(directory, 'read')
    const { earlier, onProgress } = options
    const kept = earlier === undefined ? undefined : openCheckpoint(earlier, verifier, verifier.name)
    return await new LogVerification(files, verifier).run(onProgress, kept)
  } catch (error) {
    throw error instanceof SallyportError ? error : diskFailed('be read', error)
  } finally {
    await files?.close()
  }
}

/** One commit as the entries file has it, its tree head verified. */
interface Commit {
  readonly events: readonly LoggedEvent[]
  readonly checkpoint: Checkpoint
  /** Where its entries begin, its checkpoint frame begins and it ends. */
  readonly start: number
  readonly checkpointAt: number
  readonly end: number
  readonly sideBytes: number
}

class LogVerification {
  readonly #files: LogFiles
  readonly #verifier: NoteVerifier
  readonly #entries: FileCursor
  readonly #side: FileCursor
  readonly #index: FileCursor
  readonly #levels: readonly FileCursor[]
  readonly #frontier = new MerkleFrontier()
  /** What the commit under examination adds to the derived files. */
  readonly #expectedIndex = new GrowableBuffer(64 * 1024)
  readonly #expectedLevels = LEVEL_FILES.map(() => new GrowableBuffer(4 * 1024))
  readonly #matched = new Set<'acknowledged' | 'durable'>()
  /** `id name` of the slots that are erased, and of the events that say so with their index. */
  readonly #erasedSlots = new Set<string>()
  readonly #erasures = new Map<string, number>()
  #lastId = ''
  #checkpoints = 0
  #commitments = 0
  #kept = 0

  constructor(files: LogFiles, verifier: NoteVerifier) {
    this.#files = files
    this.#verifier = verifier
    this.#entries = new FileCursor(files.entries.fd)
    this.#side = new FileCursor(files.side.fd)
    this.#index = new FileCursor(files.index.fd)
    this.#levels = files.levels.map((handle) => new FileCursor(handle.fd))
  }

  async run(
    onProgress: ((entries: number) => void) | undefined,
    earlier: Checkpoint | undefined,
  ): Promise<LogReport> {
    let isContinued = earlier === undefined
    // Read first: a log in use only grows beyond it.
    const head = await this.#readHead()
    let last: Commit | undefined
    let stop: SallyportError | undefined
    while ((await this.#entries.peek(1)).length > 0) {
      try {
        const commit = await this.#readCommit()
        await this.#verifySide(commit)
        await this.#verifyDerived(head)
        this.#matchHead(commit, head)
        last = commit
        this.#checkpoints++
        // Every checkpoint that was ever given out ended a commit.
        isContinued ||=
          commit.checkpoint.size === earlier?.size && commit.checkpoint.root.equals(earlier.root)
      } catch (error) {
        if (!(error instanceof SallyportError)) throw error
        stop = error
        break
      }
      onProgress?.(last.checkpoint.size)
    }
    if (last === undefined || last.end < head.acknowledged.entriesBytes) {
      throw stop ?? corrupt('it ends before the last acknowledged commit', { file: ENTRIES_FILE })
    }
    if (this.#matched.size < 2) throw corrupt('it names no commit of the log', { file: HEAD_FILE })
    await this.#assertNothingMore()
    if (!isContinued) throw historyChanged(earlier?.size ?? 0)
    this.#matchErasures(head)
    const { size, root } = last.checkpoint
    return {
      origin: this.#verifier.name,
      size,
      root: root.toString('base64'),
      checkpoints: this.#checkpoints,
      commitments: this.#commitments,
      kept: this.#kept,
      erased: this.#erasedSlots.size,
      unfinishedBytes:
        (await this.#files.entries.stat()).size -
        last.end +
        (await this.#files.side.stat()).size -
        last.sideBytes,
    }
  }

  async #readHead(): Promise<Head> {
    const { size } = await this.#files.head.stat()
    if (size !== HEAD_BYTES) throw corrupt(`it is not ${HEAD_BYTES} bytes long`, { file: HEAD_FILE })
    // A log in use writes its head at every commit; a reader may see half of it.
    for (let attempt = 0; ; attempt++) {
      try {
        return parseHead(await readAt(this.#files.head.fd, 0, HEAD_BYTES))
      } catch (error) {
        if (attempt === 5) throw error
        await setTimeout(5)
      }
    }
  }

  /** Reads entries up to the next checkpoint, hashes them into the tree and compares its root with the signed one. */
  async #readCommit(): Promise<Commit> {
    const start = this.#entries.position
    const events: LoggedEvent[] = []
    this.#expectedIndex.clear()
    for (const level of this.#expectedLevels) level.clear()
    for (;;) {
      const at = this.#entries.position
      const place = { file: ENTRIES_FILE, offset: at, index: this.#frontier.size }
      const bytes = await this.#entries.peek(MAXIMUM_FRAME_BYTES)
      const frame = readFrame(bytes, 0)
      if (frame === undefined) throw corrupt('a commit is cut off', place)
      this.#entries.advance(frame.end)
      if (frame.kind === 'entry') {
        events.push(this.#hashEntry(bytes.subarray(frame.start, frame.end), place))
        continue
      }
      const checkpoint = this.#openCheckpoint(frame.note, place)
      if (checkpoint.size !== this.#frontier.size || !checkpoint.root.equals(this.#frontier.root())) {
        throw corrupt('the entries do not give the signed root', place)
      }
      if (events.length === 0 && start !== 0) throw corrupt('a commit is empty', place)
      return {
        events,
        checkpoint,
        start,
        checkpointAt: at,
        end: this.#entries.position,
        sideBytes: frame.sideBytes,
      }
    }
  }

  #hashEntry(bytes: Buffer, place: { file: string; offset: number; index: number }): LoggedEvent {
    const event = parseLeaf(bytes)
    if (event === undefined) throw corrupt('the entry is not the canonical text of an event', place)
    if (event.id <= this.#lastId) throw corrupt('the ids of events do not rise', place)
    this.#lastId = event.id
    this.#expectedIndex.reserve(INDEX_RECORD_BYTES)
    this.#expectedIndex.bytes.writeUIntBE(place.offset, this.#expectedIndex.length, 6)
    this.#expectedIndex.length += INDEX_RECORD_BYTES
    this.#frontier.push(leafHash(bytes).toString('latin1'), (height, hash) => {
      if (height % TILE_HEIGHT !== 0) return
      this.#expectedLevels[height / TILE_HEIGHT]?.append(Buffer.from(hash, 'latin1'))
    })
    return event
  }

  #openCheckpoint(note: Buffer, place: { file: string; offset: number }): Checkpoint {
    try {
      return openCheckpoint(note, this.#verifier, this.#verifier.name)
    } catch (cause) {
      throw corrupt('a checkpoint does not hold', place, cause)
    }
  }

  /** Checks the side records of a commit, and notes where each entry's begins. */
  async #verifySide(commit: Commit): Promise<void> {
    const first = commit.checkpoint.size - commit.events.length
    let at = 0
    for (const event of commit.events) {
      const index = first + at
      this.#expectedIndex.bytes.writeUIntBE(this.#side.position, at * INDEX_RECORD_BYTES + 6, 6)
      at++
      const names = Object.keys(event.commitments)
      if (names.length === 0) continue
      const place = { file: SIDE_FILE, offset: this.#side.position, index }
      const record = readSideRecord(await this.#side.peek(MAXIMUM_RECORD_BYTES), 0)
      if (record === undefined) throw corrupt('a record is damaged', place)
      const openings = nameOpenings(event, record, index)
      this.#side.advance(record.length)
      for (const name of names) this.#verifyOpening(event, name, openings[name], place)
    }
    if (this.#side.position !== commit.sideBytes) {
      throw corrupt('the side store does not end where the commit says', {
        file: ENTRIES_FILE,
        offset: commit.checkpointAt,
      })
    }
    commit.events.forEach((event, order) => {
      const erasure = erasureOf(event)
      if (erasure !== undefined) this.#erasures.set(`${erasure.event} ${erasure.name}`, first + order)
    })
  }

  #verifyOpening(event: LoggedEvent, name: string, opening: Opening | undefined, place: DamagePlace): void {
    const commitment = event.commitments[name]
    if (opening === undefined || commitment === undefined) throw corrupt('a record is damaged', place)
    this.#commitments++
    if (opening.state === 'erased') this.#erasedSlots.add(`${event.id} ${name}`)
    if (opening.state !== 'kept') return
    this.#kept++
    if (!opensCommitment(commitment, opening.salt, opening.value)) {
      throw corrupt(`what is kept for ${name} is not what the log committed to`, place)
    }
  }

  /** Compares index and level files with what was computed. Beyond the mark they may not be written yet. */
  async #verifyDerived({ durable }: Head): Promise<void> {
    await compare(INDEX_FILE, this.#index, this.#expectedIndex, durable.size * INDEX_RECORD_BYTES)
    for (const [level, file] of LEVEL_FILES.entries()) {
      const [cursor, expected] = [this.#levels[level], this.#expectedLevels[level]]
      if (cursor === undefined || expected === undefined) continue
      await compare(file, cursor, expected, hashesAtLevel(level, durable.size) * HASH_BYTES)
    }
  }

  #matchHead(commit: Commit, { acknowledged, durable }: Head): void {
    const { size } = commit.checkpoint
    if (size === acknowledged.size) {
      if (commit.end !== acknowledged.entriesBytes || commit.sideBytes !== acknowledged.sideBytes) {
        throw corrupt('its last acknowledged commit is not one', { file: HEAD_FILE })
      }
      this.#matched.add('acknowledged')
    }
    if (size === durable.size) {
      if (commit.checkpointAt !== durable.entriesBytes || commit.sideBytes !== durable.sideBytes) {
        throw corrupt('its durable commit is not one', { file: HEAD_FILE })
      }
      this.#matched.add('durable')
    }
  }

  /** Derived files hold only what was acknowledged by the time they are looked at. */
  async #assertNothingMore(): Promise<void> {
    const found = [
      { file: INDEX_FILE, bytes: (await this.#files.index.stat()).size, width: INDEX_RECORD_BYTES, level: 0 },
    ]
    for (const [level, handle] of this.#files.levels.entries()) {
      found.push({
        file: LEVEL_FILES[level] ?? '',
        bytes: (await handle.stat()).size,
        width: HASH_BYTES,
        level,
      })
    }
    const { acknowledged } = await this.#readHead()
    for (const { file, bytes, width, level } of found) {
      const most = hashesAtLevel(level, acknowledged.size) * width
      if (bytes > most) throw corrupt('it is longer than the log', { file, offset: most })
    }
  }

  #matchErasures({ durable }: Head): void {
    for (const slot of this.#erasedSlots) {
      if (!this.#erasures.has(slot)) {
        throw corrupt(`an erasure is not recorded in the log: ${slot}`, { file: SIDE_FILE })
      }
    }
    for (const [slot, index] of this.#erasures) {
      // After the mark, the next start completes what a crash cut short.
      if (!this.#erasedSlots.has(slot) && index < durable.size) {
        throw corrupt(`the log says that a value was erased, but it is there: ${slot}`, {
          file: SIDE_FILE,
          index,
        })
      }
    }
  }
}

/** @param durableBytes what the file must at least have */
async function compare(
  file: string,
  cursor: FileCursor,
  expected: GrowableBuffer,
  durableBytes: number,
): Promise<void> {
  const offset = cursor.position
  const found = await cursor.take(expected.length)
  if (!found.equals(expected.bytes.subarray(0, found.length))) {
    const first = found.findIndex((byte, at) => byte !== expected.bytes[at])
    throw corrupt('it is not what the entries give', { file, offset: offset + first })
  }
  if (found.length < expected.length && offset + found.length < durableBytes) {
    throw corrupt('it was shortened', { file, offset: offset + found.length })
  }
}
