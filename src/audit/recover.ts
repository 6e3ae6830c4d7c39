import type { EventId } from '../core/index.ts'
import { SallyportError } from '../core/index.ts'
import {
  type Checkpoint,
  HASH_BYTES,
  type HashText,
  leafHash,
  MerkleFrontier,
  type NoteVerifier,
  openCheckpoint,
} from '../crypto/index.ts'
import { DerivedFile } from './derived-file.ts'
import { ERASED_TYPE, type Erasure, eraseOpening, erasureOf } from './erasure.ts'
import { corrupt } from './errors.ts'
import { readAt, sync, writeAtSync } from './file-access.ts'
import {
  ENTRIES_FILE,
  formatHead,
  HEAD_BYTES,
  HEAD_FILE,
  type Head,
  hashesAtLevel,
  INDEX_FILE,
  INDEX_RECORD_BYTES,
  LEVEL_FILES,
  type Position,
  parseHead,
  SIDE_FILE,
  TILE_HEIGHT,
  TILE_WIDTH,
} from './files.ts'
import { readFrame } from './frames.ts'
import { parseLeaf } from './leaf.ts'
import type { LogFiles } from './log-files.ts'
import { LogReader } from './log-reader.ts'
import { isSideRecordWhole, sideRecordLength } from './side-record.ts'
import { TreeStore } from './tree-store.ts'

export interface Recovered {
  readonly tree: TreeStore
  readonly committed: Position
  /** The newest signed checkpoint. */
  readonly checkpoint: string
  /** Where its frame begins. */
  readonly checkpointAt: number
  readonly durable: Position
  readonly lastId: EventId | undefined
}

// A mark is taken at the latest after 8 MiB and a batch; more than this behind means that the head was put back.
const LONGEST_TAIL_BYTES = 512 * 1024 * 1024

/**
 * Brings the files of a log to the last commit that is whole, and rebuilds what is derived from the last mark on. First
 * everything is read and checked; only then is anything written.
 *
 * After a crash the end of the log may hold one commit that nobody was told of, in part. It is kept if it is whole and
 * cut off if not. Everything else that is not as it was written is damage.
 *
 * @throws {SallyportError} `audit.log-corrupt`, with the files as they were
 */
export async function recoverLog(
  files: LogFiles,
  verifier: NoteVerifier,
  origin: string,
): Promise<Recovered> {
  const sizes = await sizesOf(files)
  const head = await readHead(files, sizes)
  assertLengths(head, sizes)
  const tail = await readTail(files, head, sizes)
  const scan = scanTail(tail, head, verifier, origin, await loadFrontier(files, head.durable.size))
  if (scan.committed.entriesBytes < head.acknowledged.entriesBytes) {
    throw scan.stop ?? corrupt('it ends before the last acknowledged commit', { file: ENTRIES_FILE })
  }
  if (scan.stop !== undefined && holdsAnotherCommit(tail, scan, origin)) throw scan.stop
  await checkLastEntries(files, head.durable)
  return repair(files, sizes, head, tail, scan)
}

interface Sizes {
  readonly entries: number
  readonly side: number
  readonly index: number
  readonly levels: readonly number[]
  readonly head: number
}

async function sizesOf(files: LogFiles): Promise<Sizes> {
  const size = async (handle: { stat(): Promise<{ size: number }> }) => (await handle.stat()).size
  return {
    entries: await size(files.entries),
    side: await size(files.side),
    index: await size(files.index),
    levels: await Promise.all(files.levels.map(size)),
    head: await size(files.head),
  }
}

async function readHead(files: LogFiles, sizes: Sizes): Promise<Head> {
  if (sizes.head !== HEAD_BYTES) throw corrupt(`it is not ${HEAD_BYTES} bytes long`, { file: HEAD_FILE })
  const head = parseHead(await readAt(files.head.fd, 0, HEAD_BYTES))
  const { acknowledged, durable } = head
  if (
    durable.size > acknowledged.size ||
    durable.entriesBytes >= acknowledged.entriesBytes ||
    durable.sideBytes > acknowledged.sideBytes
  ) {
    throw corrupt('its positions contradict each other', { file: HEAD_FILE })
  }
  return head
}

/** Nothing may be shorter than what is known to have been durable. */
function assertLengths({ acknowledged, durable }: Head, sizes: Sizes): void {
  const expected: [file: string, found: number, least: number][] = [
    [ENTRIES_FILE, sizes.entries, acknowledged.entriesBytes],
    [SIDE_FILE, sizes.side, acknowledged.sideBytes],
    [INDEX_FILE, sizes.index, durable.size * INDEX_RECORD_BYTES],
    ...LEVEL_FILES.map((file, level): [string, number, number] => [
      file,
      sizes.levels[level] ?? 0,
      hashesAtLevel(level, durable.size) * HASH_BYTES,
    ]),
  ]
  for (const [file, found, least] of expected) {
    if (found < least) {
      throw corrupt(`it was shortened: ${found} bytes are left of at least ${least}`, { file, offset: found })
    }
  }
}

interface Tail {
  /** The entries file from the durable checkpoint frame on. */
  readonly entries: Buffer
  readonly entriesStart: number
  readonly side: Buffer
  readonly sideStart: number
}

async function readTail(files: LogFiles, { durable }: Head, sizes: Sizes): Promise<Tail> {
  const entriesLength = sizes.entries - durable.entriesBytes
  const sideLength = sizes.side - durable.sideBytes
  if (entriesLength + sideLength > LONGEST_TAIL_BYTES) {
    throw corrupt('it is far behind the log: an old copy was put back', { file: HEAD_FILE })
  }
  return {
    entries: await readAt(files.entries.fd, durable.entriesBytes, entriesLength),
    entriesStart: durable.entriesBytes,
    side: await readAt(files.side.fd, durable.sideBytes, sideLength),
    sideStart: durable.sideBytes,
  }
}

/** The right edge of the tree from the incomplete tile of every level. */
async function loadFrontier(files: LogFiles, size: number): Promise<MerkleFrontier> {
  const frontier = new MerkleFrontier()
  for (let level = LEVEL_FILES.length - 1; level >= 0; level--) {
    const handle = files.levels[level]
    if (handle === undefined) continue
    const hashes = hashesAtLevel(level, size)
    const width = hashes % TILE_WIDTH
    const tile = await readAt(handle.fd, (hashes - width) * HASH_BYTES, width * HASH_BYTES)
    const inTile = new MerkleFrontier()
    for (let at = 0; at < width; at++) {
      inTile.push(tile.toString('latin1', at * HASH_BYTES, (at + 1) * HASH_BYTES))
    }
    for (const { height, root } of inTile.subtrees()) {
      frontier.pushSubtree(level * TILE_HEIGHT + height, root)
    }
  }
  return frontier
}

interface ScannedLeaf {
  readonly hash: HashText
  readonly entriesOffset: number
  readonly sideOffset: number
}

interface Scan {
  /** The tree at the durable checkpoint. */
  readonly frontier: MerkleFrontier
  /** Leaves of the commits after it, to the last whole one. */
  readonly leaves: ScannedLeaf[]
  committed: Position
  checkpoint: string
  checkpointAt: number
  /** Why the commit after that is not whole; undefined when nothing follows. */
  stop: SallyportError | undefined
}

/** @throws {SallyportError} `audit.log-corrupt` when the durable checkpoint does not hold */
function scanTail(
  tail: Tail,
  head: Head,
  verifier: NoteVerifier,
  origin: string,
  frontier: MerkleFrontier,
): Scan {
  const { durable } = head
  const first = readFrame(tail.entries, 0)
  if (first?.kind !== 'checkpoint') throw corrupt('no checkpoint stands where the head says', place(tail, 0))
  const checkpoint = openFrame(first.note, verifier, origin, place(tail, 0))
  if (checkpoint.size !== durable.size || first.sideBytes !== durable.sideBytes) {
    throw corrupt('the head and the checkpoint contradict each other', place(tail, 0))
  }
  if (!frontier.root().equals(checkpoint.root)) {
    throw corrupt('the hashes at the right edge of the tree do not give the signed root', {
      file: LEVEL_FILES[0] ?? '',
      index: durable.size,
    })
  }
  const scan: Scan = {
    frontier,
    leaves: [],
    committed: {
      size: durable.size,
      entriesBytes: tail.entriesStart + first.end,
      sideBytes: durable.sideBytes,
    },
    checkpoint: first.note.toString('utf8'),
    checkpointAt: tail.entriesStart,
    stop: undefined,
  }
  const erased = erasuresIn(tail.entries)
  let edge = frontier.clone()
  while (scan.committed.entriesBytes - tail.entriesStart < tail.entries.length) {
    try {
      edge = scanCommit(tail, scan, edge.clone(), verifier, origin, erased)
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error
      scan.stop = error
      break
    }
  }
  return scan
}

/** Checks one commit and takes it into the scan. @throws {SallyportError} `audit.log-corrupt` if it is not whole */
function scanCommit(
  tail: Tail,
  scan: Scan,
  edge: MerkleFrontier,
  verifier: NoteVerifier,
  origin: string,
  erased: readonly Erasure[],
): MerkleFrontier {
  const entries: { entriesOffset: number; bytes: Buffer; hash: HashText }[] = []
  let at = scan.committed.entriesBytes - tail.entriesStart
  for (;;) {
    const frame = readFrame(tail.entries, at)
    if (frame === undefined) throw corrupt('a commit is cut off', place(tail, at))
    if (frame.kind === 'entry') {
      const bytes = tail.entries.subarray(frame.start, frame.end)
      const hash = leafHash(bytes).toString('latin1')
      edge.push(hash)
      entries.push({ entriesOffset: tail.entriesStart + at, bytes, hash })
      at = frame.end
      continue
    }
    const checkpoint = openFrame(frame.note, verifier, origin, place(tail, at))
    if (checkpoint.size !== edge.size || !checkpoint.root.equals(edge.root())) {
      throw corrupt('the entries do not give the signed root', place(tail, at))
    }
    const sideOffsets = scanSide(tail, scan.committed, edge.size, frame.sideBytes, entries, erased)
    entries.forEach(({ entriesOffset, hash }, order) => {
      scan.leaves.push({ hash, entriesOffset, sideOffset: sideOffsets[order] ?? frame.sideBytes })
    })
    scan.committed = {
      size: edge.size,
      entriesBytes: tail.entriesStart + frame.end,
      sideBytes: frame.sideBytes,
    }
    scan.checkpoint = frame.note.toString('utf8')
    scan.checkpointAt = tail.entriesStart + at
    return edge
  }
}

/** Checks the side records of a commit. @returns where each of its entries' records begins */
function scanSide(
  tail: Tail,
  before: Position,
  size: number,
  end: number,
  entries: readonly { readonly bytes: Buffer }[],
  erased: readonly Erasure[],
): number[] {
  const limit = end - tail.sideStart
  let at = before.sideBytes - tail.sideStart
  if (limit < at || limit > tail.side.length) {
    throw corrupt('it ends before what the entries need', {
      file: SIDE_FILE,
      offset: tail.sideStart + tail.side.length,
    })
  }
  const side = tail.side.subarray(0, limit)
  const offsets: number[] = []
  for (let index = before.size; index < size; index++) {
    offsets.push(tail.sideStart + at)
    const length = sideRecordLength(side, at)
    // The index stands behind the length; a record of a later entry waits for its turn.
    if (length === undefined || at + length > limit || side.readUIntBE(at + 4, 6) !== index) continue
    if (!isSideRecordWhole(side, at, length) && !isErased(entries[index - before.size]?.bytes, erased)) {
      throw corrupt('a record is damaged', { file: SIDE_FILE, offset: tail.sideStart + at, index })
    }
    at += length
  }
  if (at !== limit) throw corrupt('a record is damaged', { file: SIDE_FILE, offset: tail.sideStart + at })
  return offsets
}

/** A crash may have left the record of an event half overwritten, if its erasure stands in the tail. */
function isErased(entry: Buffer | undefined, erased: readonly Erasure[]): boolean {
  const id = entry === undefined ? undefined : parseLeaf(entry)?.id
  return erased.some(({ event }) => event === id)
}

/** The erasures that a piece of the entries file tells of. */
function erasuresIn(entries: Buffer): Erasure[] {
  const erasures: Erasure[] = []
  let at = entries.includes(ERASED_TYPE) ? 0 : entries.length
  for (let frame = readFrame(entries, at); frame !== undefined; frame = readFrame(entries, at)) {
    at = frame.end
    if (frame.kind !== 'entry') continue
    const bytes = entries.subarray(frame.start, frame.end)
    const event = bytes.includes(ERASED_TYPE) ? parseLeaf(bytes) : undefined
    const erasure = event === undefined ? undefined : erasureOf(event)
    if (erasure !== undefined) erasures.push(erasure)
  }
  return erasures
}

/**
 * Only one commit is under way at a time, so only the last can be cut off. A checkpoint text after the one that ends the
 * broken commit means that the damage came later.
 */
function holdsAnotherCommit(tail: Tail, scan: Scan, origin: string): boolean {
  const rest = tail.entries.subarray(scan.committed.entriesBytes - tail.entriesStart)
  // A raw newline stands in no entry: this is the first line of a checkpoint.
  const line = Buffer.from(`${origin}\n`, 'utf8')
  const first = rest.indexOf(line)
  return first !== -1 && rest.indexOf(line, first + line.length) !== -1
}

/** Re-hashes the entries of the last tile before the mark, so that damage near the end is seen at the start. */
async function checkLastEntries(files: LogFiles, durable: Position): Promise<void> {
  if (durable.size === 0) return
  const reader = new LogReader(files, storedTree(files, durable.size), () => durable)
  const first = Math.max(0, durable.size - TILE_WIDTH)
  await reader.leaves(first, durable.size - first)
}

/** The tree as far as the mark, for reading. */
function storedTree(files: LogFiles, size: number): TreeStore {
  return new TreeStore(new MerkleFrontier(), ...derivedFiles(files, size))
}

function derivedFiles(files: LogFiles, size: number): [levels: DerivedFile[], index: DerivedFile] {
  return [
    files.levels.map((handle, level) => new DerivedFile(handle.fd, hashesAtLevel(level, size) * HASH_BYTES)),
    new DerivedFile(files.index.fd, size * INDEX_RECORD_BYTES),
  ]
}

/** Makes the files say what the scan found. Nothing before this has written. */
async function repair(files: LogFiles, sizes: Sizes, head: Head, tail: Tail, scan: Scan): Promise<Recovered> {
  const { durable, acknowledged } = head
  const { committed } = scan
  await keep(
    files.entries,
    tail.entries,
    tail.entriesStart,
    acknowledged.entriesBytes,
    committed.entriesBytes,
  )
  await keep(files.side, tail.side, tail.sideStart, acknowledged.sideBytes, committed.sideBytes)
  const derived: [{ truncate(length: number): Promise<void> }, found: number, valid: number][] = [
    [files.index, sizes.index, durable.size * INDEX_RECORD_BYTES],
  ]
  files.levels.forEach((handle, level) => {
    derived.push([handle, sizes.levels[level] ?? 0, hashesAtLevel(level, durable.size) * HASH_BYTES])
  })
  for (const [handle, found, valid] of derived) if (found > valid) await handle.truncate(valid)
  const tree = new TreeStore(scan.frontier, ...derivedFiles(files, durable.size))
  for (const { hash, entriesOffset, sideOffset } of scan.leaves) tree.append(hash, entriesOffset, sideOffset)
  tree.seal()
  tree.commit()
  tree.flush()
  await tree.sync()
  const reader = new LogReader(files, tree, () => committed)
  const kept = tail.entries.subarray(0, committed.entriesBytes - tail.entriesStart)
  for (const erasure of erasuresIn(kept)) await redo(files, reader, erasure)
  const mark = { ...committed, entriesBytes: scan.checkpointAt }
  const isChanged =
    committed.entriesBytes !== acknowledged.entriesBytes || mark.entriesBytes !== durable.entriesBytes
  if (isChanged) {
    writeAtSync(files.head.fd, formatHead({ acknowledged: committed, durable: mark }), 0)
    await sync(files.head.fd)
  }
  return {
    tree,
    committed,
    checkpoint: scan.checkpoint,
    checkpointAt: scan.checkpointAt,
    durable: mark,
    lastId: await lastId(reader, committed.size),
  }
}

/**
 * Keeps a file up to `end` and cuts off the rest. What was never acknowledged is written again: after a failed write
 * the page cache may show bytes that no disk has.
 */
async function keep(
  handle: { readonly fd: number; truncate(length: number): Promise<void>; stat(): Promise<{ size: number }> },
  tail: Buffer,
  tailStart: number,
  acknowledged: number,
  end: number,
): Promise<void> {
  if ((await handle.stat()).size > end) {
    await handle.truncate(end)
    await sync(handle.fd)
  }
  if (end > acknowledged) {
    writeAtSync(handle.fd, tail.subarray(acknowledged - tailStart, end - tailStart), acknowledged)
  }
}

async function redo(files: LogFiles, reader: LogReader, erasure: Erasure): Promise<void> {
  const index = await reader.find(erasure.event)
  const [leaf] = index === undefined ? [] : await reader.leaves(index, 1)
  const event = leaf === undefined ? undefined : parseLeaf(leaf.bytes)
  const slot = Object.keys(event?.commitments ?? {}).indexOf(erasure.name)
  if (index === undefined || slot === -1)
    throw corrupt('an erasure names nothing in the log', { file: ENTRIES_FILE })
  await eraseOpening(files, reader, index, slot)
}

async function lastId(reader: LogReader, size: number): Promise<EventId | undefined> {
  return size === 0 ? undefined : (await reader.entry(size - 1)).id
}

function openFrame(
  note: Buffer,
  verifier: NoteVerifier,
  origin: string,
  where: { file: string; offset: number },
): Checkpoint {
  try {
    return openCheckpoint(note, verifier, origin)
  } catch (cause) {
    throw corrupt('a checkpoint does not hold', where, cause)
  }
}

function place(tail: Tail, at: number): { file: string; offset: number } {
  return { file: ENTRIES_FILE, offset: tail.entriesStart + at }
}
