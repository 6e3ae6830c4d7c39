import { type Clock, type EventId, SallyportError, type Sha256 } from '../core/index.ts'
import { type NoteSigner, openCheckpoint, signCheckpoint } from '../crypto/index.ts'
import { Batch } from './batch.ts'
import { createLog, findLog } from './create.ts'
import { readDescription } from './description.ts'
import { ERASED_TYPE, eraseOpening, erasureEvent } from './erasure.ts'
import { diskFailed, eventInvalid, unknownEvent } from './errors.ts'
import type { EventInput, LogEntry, Receipt } from './event.ts'
import { EventIdSequence, isEventId } from './event-ids.ts'
import { writeEvent } from './event-writer.ts'
import { exportTiles } from './export-tiles.ts'
import { sync, writeAt, writeAtSync } from './file-access.ts'
import { formatHead, type Position } from './files.ts'
import { checkpointFrame } from './frames.ts'
import { LogFiles } from './log-files.ts'
import { LogReader } from './log-reader.ts'
import { buildProof, type Proof } from './proof.ts'
import { type Recovered, recoverLog } from './recover.ts'
import type { TreeStore } from './tree-store.ts'

export interface AuditLogOptions {
  /** The log's folder; nobody else writes in it (the lock of the state folder sees to that). */
  readonly directory: string
  /** Its name is the origin. */
  readonly signer: NoteSigner
  readonly clock: Clock
  /** Identity of the log: a schema-less URL such as `sallyport.example/log`. */
  readonly origin: string
  /**
   * Whether a log may be made where there is none; true by default. Where one is known to have been made, say false:
   * otherwise whoever deletes the folder is given a fresh log without a word.
   */
  readonly create?: boolean
}

export interface LogStats {
  /** Committed entries. */
  readonly size: number
  readonly commits: number
  /** Events that wait for the next commit or the one under way. */
  readonly pending: number
  /** Events of the last commit. */
  readonly lastCommitEvents: number
  /** From the last commit's sealing to its durability. */
  readonly lastCommitMs: number
  /** The same over all commits since the log was opened. */
  readonly totalCommitMs: number
  /** Whether the disk failed: nothing is acknowledged until the log is opened again. */
  readonly isPoisoned: boolean
}

// The mark of what is durable is moved on before the part behind it takes more than some milliseconds to check at a start.
const MARK_ENTRIES = 2048
const MARK_COMMITS = 128
const MARK_BYTES = 8 * 1024 * 1024

const BACKLOG_BYTES = 32 * 1024 * 1024

/**
 * The transparency log of one Sallyport: an append-only RFC 6962 tree of events, its head signed at every commit.
 *
 * Events that arrive while a commit is under way share the next one. Each commit is one write to the entries (with its
 * signed checkpoint behind them) and one to the side store, at the same time, each durable when it returns.
 */
export class AuditLog {
  readonly #files: LogFiles
  readonly #signer: NoteSigner
  readonly #clock: Clock
  readonly #origin: string
  readonly #tree: TreeStore
  readonly #reader: LogReader
  readonly #ids: EventIdSequence

  #filling = new Batch()
  #writing = new Batch()
  #isCommitting = false
  #isScheduled = false
  #closing: Promise<void> | undefined
  #isClosed = false
  #failure: SallyportError | undefined

  #committed: Position
  #checkpoint: string
  #checkpointAt: number
  #durable: Position
  #commitsSinceMark = 0
  #marking: Promise<void> | undefined
  #erasing: Promise<unknown> = Promise.resolve()
  readonly #idle: (() => void)[] = []

  #commits = 0
  #lastCommitEvents = 0
  #lastCommitMs = 0
  #totalCommitMs = 0

  private constructor(options: AuditLogOptions, files: LogFiles, recovered: Recovered) {
    this.#files = files
    this.#signer = options.signer
    this.#clock = options.clock
    this.#origin = options.origin
    this.#tree = recovered.tree
    this.#committed = recovered.committed
    this.#checkpoint = recovered.checkpoint
    this.#checkpointAt = recovered.checkpointAt
    this.#durable = recovered.durable
    this.#ids = new EventIdSequence(recovered.lastId)
    this.#reader = new LogReader(files, recovered.tree, () => {
      if (this.#isClosed) throw closed()
      return this.#committed
    })
    this.#filling.beginAt(recovered.committed)
  }

  /**
   * Opens the log, or makes it. After a crash, what was never acknowledged and is not whole is cut off; any other
   * difference from what was written is refused and left as it is.
   *
   * @throws {SallyportError} `audit.log-missing`, `audit.file-missing`, `audit.log-corrupt`, `audit.foreign-key`,
   *   `audit.foreign-origin`, `audit.format-unsupported`, `audit.disk-failed`
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { directory, signer, origin } = options
    let files: LogFiles | undefined
    try {
      if ((await findLog(directory)) === 'none') {
        if (options.create === false) throw missing(directory)
        await createLog(directory, origin, signer)
      }
      await readDescription(directory, signer.verifier, origin)
      files = await LogFiles.open(directory, 'write')
      return new AuditLog(options, files, await recoverLog(files, signer.verifier, origin))
    } catch (error) {
      await files?.close()
      throw error instanceof SallyportError ? error : diskFailed('be opened', error)
    }
  }

  /** Entries that are durable and covered by `checkpoint()`. */
  get size(): number {
    return this.#committed.size
  }

  /** The newest signed checkpoint whose tree is durable: a C2SP signed note. */
  checkpoint(): string {
    return this.#checkpoint
  }

  /** The verifier key that others check checkpoints and proofs with. */
  get vkey(): string {
    return this.#signer.vkey
  }

  /**
   * Logs an event. Resolves when it is durable, in the tree, and under a signed checkpoint; until then it must not be
   * acknowledged to anybody. The input is read before this returns.
   *
   * @param options.at milliseconds since the Unix epoch when it happened; now by default
   * @throws {SallyportError} (rejects) `audit.event-invalid`, `audit.event-too-large`, `audit.backlog-full`,
   *   `audit.disk-failed`, `audit.log-closed`
   */
  append(event: EventInput, options?: { readonly at?: number }): Promise<Receipt> {
    if (this.#closing !== undefined) return Promise.reject(closed())
    if (event.type === ERASED_TYPE) {
      return Promise.reject(eventInvalid(`only the log itself records ${ERASED_TYPE}`))
    }
    return this.#append(event, options?.at)
  }

  #append(event: EventInput, at: number | undefined): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) throw this.#failure
      const batch = this.#filling
      if (batch.bytes > BACKLOG_BYTES) throw backlogFull()
      const now = this.#clock.now()
      const index = this.#tree.size
      const id = this.#ids.next(now)
      const entriesAt = batch.entriesStart + batch.entries.length
      const sideAt = batch.sideStart + batch.side.length
      const leaf = writeEvent(batch, event, at ?? now, id, index)
      this.#tree.append(leaf, entriesAt, sideAt)
      const leafHash = Buffer.from(leaf, 'latin1').toString('hex') as Sha256
      batch.waiters.push({ receipt: { id, index, leafHash }, resolve, reject })
      this.#schedule()
    })
  }

  /** Puts a commit at the end of this turn of the event loop, so that all that arrived in it share the commit. */
  #schedule(): void {
    if (this.#isScheduled || this.#isCommitting) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#commit()
    })
  }

  #commit(): void {
    const batch = this.#filling
    this.#filling = this.#writing
    this.#writing = batch
    this.#isCommitting = true
    const startedAt = performance.now()
    const before = this.#committed
    const sideBytes = before.sideBytes + batch.side.length
    const size = this.#tree.size
    const note = signCheckpoint({ origin: this.#origin, size, root: this.#tree.root() }, this.#signer)
    const checkpointAt = before.entriesBytes + batch.entries.length
    batch.entries.append(checkpointFrame(note, sideBytes))
    this.#tree.seal()
    const committed = { size, entriesBytes: before.entriesBytes + batch.entries.length, sideBytes }
    this.#filling.beginAt(committed)

    let outstanding = batch.side.length > 0 ? 2 : 1
    let failure: Error | undefined
    const done = (error: Error | undefined) => {
      failure ??= error
      outstanding--
      if (outstanding > 0) return
      this.#isCommitting = false
      if (failure === undefined) {
        this.#committed = committed
        this.#checkpoint = note
        this.#checkpointAt = checkpointAt
        this.#settle(performance.now() - startedAt)
      } else {
        this.#poison(diskFailed('make events durable', failure))
      }
    }
    writeAt(this.#files.entries.fd, batch.entries.filled(), before.entriesBytes, done)
    if (batch.side.length > 0) writeAt(this.#files.side.fd, batch.side.filled(), before.sideBytes, done)
  }

  /** The commit is durable: says so on disk and to everybody who waited. */
  #settle(commitMs: number): void {
    this.#tree.commit()
    const waiters = this.#writing.clear()
    this.#commits++
    this.#commitsSinceMark++
    this.#lastCommitEvents = waiters.length
    this.#lastCommitMs = commitMs
    this.#totalCommitMs += commitMs
    let failure: unknown
    try {
      this.#writeHead()
      this.#markIfDue()
    } catch (error) {
      failure = error
    }
    for (const { receipt, resolve } of waiters) resolve(receipt)
    if (failure !== undefined) this.#poison(diskFailed('write its head', failure))
    else if (this.#filling.waiters.length > 0) this.#schedule()
    else this.#announceIdle()
  }

  #writeHead(): void {
    writeAtSync(this.#files.head.fd, formatHead({ acknowledged: this.#committed, durable: this.#durable }), 0)
  }

  #markIfDue(): void {
    const isDue =
      this.#commitsSinceMark >= MARK_COMMITS ||
      this.#committed.size - this.#durable.size >= MARK_ENTRIES ||
      this.#committed.entriesBytes - this.#durable.entriesBytes >= MARK_BYTES
    if (!isDue || this.#marking !== undefined) return
    this.#marking = this.#mark()
      .catch((error: unknown) => this.#poison(diskFailed('write its tree', error)))
      .finally(() => {
        this.#marking = undefined
        if (!this.#isBusy()) this.#announceIdle()
      })
  }

  /** Makes the derived files durable up to the last commit, and the head that says so. */
  async #mark(): Promise<void> {
    const mark = { ...this.#committed, entriesBytes: this.#checkpointAt }
    this.#commitsSinceMark = 0
    this.#tree.flush()
    await this.#tree.sync()
    // An erasure before the mark would not be done again after a crash.
    await this.#erasing
    this.#durable = mark
    this.#writeHead()
    await sync(this.#files.head.fd)
  }

  /** Nothing is acknowledged any more; what is on disk is what the next start recovers from. */
  #poison(failure: SallyportError): void {
    this.#failure ??= failure
    const waiters = [...this.#writing.clear(), ...this.#filling.clear()]
    for (const { reject } of waiters) reject(this.#failure)
    this.#announceIdle()
  }

  /** The index of an event. @throws {SallyportError} `audit.event-unknown` */
  async #indexOf(id: string): Promise<number> {
    const index = isEventId(id) ? await this.#reader.find(id) : undefined
    if (index === undefined) throw unknownEvent(id)
    return index
  }

  /**
   * The proof that an event stands in the log, under the newest checkpoint.
   *
   * @throws {SallyportError} `audit.event-unknown`, `audit.log-corrupt`
   */
  async prove(id: EventId): Promise<Proof> {
    const index = await this.#indexOf(id)
    const checkpoint = this.#checkpoint
    const { size, root } = openCheckpoint(checkpoint, this.#signer.verifier, this.#origin)
    const [leaf] = await this.#reader.leaves(index, 1)
    if (leaf === undefined) throw unknownEvent(id)
    return buildProof(leaf, id, { size, root, checkpoint }, this.#tree.readSubtrees)
  }

  /**
   * Entries with index in [from, to), in order, as many of them as are durable.
   *
   * @throws {SallyportError} `audit.log-corrupt` when an entry does not hash to its leaf
   */
  read(from = 0, to = this.size): AsyncGenerator<LogEntry> {
    return this.#reader.read(Math.max(0, from), Math.min(to, this.size))
  }

  /** The entry of an event; undefined when the log has none. */
  async find(id: string): Promise<LogEntry | undefined> {
    const index = isEventId(id) ? await this.#reader.find(id) : undefined
    return index === undefined ? undefined : this.#reader.entry(index)
  }

  /**
   * Erases the salt and the value behind a commitment. The log keeps the commitment, which nobody can open any more, and
   * the fact of the erasure; the tree still verifies.
   *
   * @returns the receipt of the event that records it
   * @throws {SallyportError} `audit.event-unknown`, `audit.commitment-unknown`, `audit.already-erased`
   */
  async erase(id: EventId, name: string): Promise<Receipt> {
    if (this.#closing !== undefined) throw closed()
    const receipt = this.#erasing.then(() => this.#erase(id, name))
    this.#erasing = receipt.catch(() => undefined)
    return receipt
  }

  async #erase(id: EventId, name: string): Promise<Receipt> {
    const index = await this.#indexOf(id)
    const { openings } = await this.#reader.entry(index)
    const slot = Object.keys(openings).indexOf(name)
    if (slot === -1) {
      throw new SallyportError('audit.commitment-unknown', `the event has no commitment named ${name}`, {
        kind: 'not-found',
        remedy: 'name one of the commitments of the event',
        details: { id, names: Object.keys(openings) },
      })
    }
    if (openings[name]?.state === 'erased') {
      throw new SallyportError('audit.already-erased', `${name} of this event was erased before`, {
        kind: 'conflict',
        remedy: 'nothing is left to erase',
        details: { id, name },
      })
    }
    const receipt = await this.#append(erasureEvent({ event: id, name }), undefined)
    try {
      await eraseOpening(this.#files, this.#reader, index, slot)
    } catch (error) {
      const failure = error instanceof SallyportError ? error : diskFailed('erase a value', error)
      this.#poison(failure)
      throw failure
    }
    return receipt
  }

  /**
   * Writes the log as it stands in the static layout of C2SP tlog-tiles, for monitors and other people's tools. Nothing
   * private is in it.
   *
   * @param directory made if missing; existing tiles are written again
   */
  exportTiles(directory: string): Promise<void> {
    const { size } = this.#committed
    return exportTiles(directory, {
      size,
      checkpoint: this.#checkpoint,
      tree: this.#tree,
      reader: this.#reader,
    })
  }

  stats(): LogStats {
    return {
      size: this.size,
      commits: this.#commits,
      pending: this.#tree.size - this.size,
      lastCommitEvents: this.#lastCommitEvents,
      lastCommitMs: this.#lastCommitMs,
      totalCommitMs: this.#totalCommitMs,
      isPoisoned: this.#failure !== undefined,
    }
  }

  /** Commits what waits, makes everything durable and closes the files. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#erasing
    while (this.#isBusy()) await new Promise<void>((resolve) => this.#idle.push(resolve))
    try {
      if (this.#failure === undefined && this.#durable.entriesBytes !== this.#checkpointAt) await this.#mark()
    } catch (error) {
      throw diskFailed('be closed', error)
    } finally {
      this.#isClosed = true
      await this.#files.close()
    }
  }

  #isBusy(): boolean {
    return this.#marking !== undefined || this.#isCommitting || this.#filling.waiters.length > 0
  }

  #announceIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function missing(directory: string): SallyportError {
  return new SallyportError('audit.log-missing', `there is no log in ${directory}`, {
    kind: 'not-found',
    remedy: 'restore the log folder from a backup; a new log cannot stand in for a lost one',
    details: { directory },
  })
}

function closed(): SallyportError {
  return new SallyportError('audit.log-closed', 'the log is closed', {
    kind: 'unavailable',
    remedy: 'try again when the server has started',
  })
}

function backlogFull(): SallyportError {
  return new SallyportError('audit.backlog-full', 'the log cannot keep up with the events', {
    kind: 'unavailable',
    remedy: 'try again; if it happens again, the disk of the log folder is too slow',
  })
}
