import { HASH_BYTES, type HashText, type MerkleFrontier, nodeHash, type Subtree } from '../crypto/index.ts'
import type { DerivedFile } from './derived-file.ts'
import { INDEX_RECORD_BYTES, TILE_HEIGHT } from './files.ts'

/** Where an entry's frame and its side record begin. An entry without commitments has no record: the next one's. */
export interface EntryOffsets {
  readonly entries: number
  readonly side: number
}

/** The Merkle tree and the index in their flat files, with the right edge of the tree in memory. */
export class TreeStore {
  readonly #frontier: MerkleFrontier
  readonly #levels: readonly DerivedFile[]
  readonly #index: DerivedFile
  readonly #onComplete: (height: number, hash: HashText) => void

  constructor(frontier: MerkleFrontier, levels: readonly DerivedFile[], index: DerivedFile) {
    this.#frontier = frontier
    this.#levels = levels
    this.#index = index
    this.#onComplete = (height, hash) => {
      if (height % TILE_HEIGHT !== 0) return
      const { pending } = this.#level(height / TILE_HEIGHT)
      pending.reserve(HASH_BYTES)
      pending.bytes.write(hash, pending.length, HASH_BYTES, 'latin1')
      pending.length += HASH_BYTES
    }
  }

  /** Leaves, committed or not. */
  get size(): number {
    return this.#frontier.size
  }

  append(leaf: HashText, entriesOffset: number, sideOffset: number): void {
    const { pending } = this.#index
    pending.reserve(INDEX_RECORD_BYTES)
    pending.bytes.writeUIntBE(entriesOffset, pending.length, 6)
    pending.bytes.writeUIntBE(sideOffset, pending.length + 6, 6)
    pending.length += INDEX_RECORD_BYTES
    this.#frontier.push(leaf, this.#onComplete)
  }

  root(): Buffer {
    return this.#frontier.root()
  }

  seal(): void {
    for (const file of this.#files()) file.seal()
  }

  commit(): void {
    for (const file of this.#files()) file.commit()
  }

  flush(): void {
    for (const file of this.#files()) file.flush()
  }

  async sync(): Promise<void> {
    await Promise.all(this.#files().map((file) => file.sync()))
  }

  /** Where `count` entries from `first` on begin. */
  async offsets(first: number, count: number): Promise<EntryOffsets[]> {
    const bytes = await this.#index.read(first * INDEX_RECORD_BYTES, count * INDEX_RECORD_BYTES)
    return Array.from({ length: count }, (_, entry) => ({
      entries: bytes.readUIntBE(entry * INDEX_RECORD_BYTES, 6),
      side: bytes.readUIntBE(entry * INDEX_RECORD_BYTES + 6, 6),
    }))
  }

  /** `count` hashes of one level file from `first` on: with the right numbers, a tlog tile. */
  hashes(level: number, first: number, count: number): Promise<Buffer> {
    return this.#level(level).read(first * HASH_BYTES, count * HASH_BYTES)
  }

  /** A `SubtreeReader`: what stands between the stored heights is hashed from the stored height below. */
  readonly readSubtrees = (subtrees: readonly Subtree[]): Promise<Buffer[]> =>
    Promise.all(subtrees.map((subtree) => this.#subtree(subtree)))

  async #subtree({ height, index }: Subtree): Promise<Buffer> {
    const level = Math.floor(height / TILE_HEIGHT)
    const width = 2 ** (height % TILE_HEIGHT)
    const bytes = await this.hashes(level, index * width, width)
    let row = Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
    while (row.length > 1) {
      const above: Buffer[] = []
      for (let at = 0; at + 1 < row.length; at += 2) {
        const [left, right] = [row[at], row[at + 1]]
        if (left !== undefined && right !== undefined) above.push(nodeHash(left, right))
      }
      row = above
    }
    const [root] = row
    if (root === undefined) throw new RangeError('a subtree has at least one leaf')
    return root
  }

  #level(level: number): DerivedFile {
    const file = this.#levels[level]
    // 2^48 leaves: 900 years at 10,000 a second.
    if (file === undefined) throw new RangeError('the tree is full')
    return file
  }

  #files(): readonly DerivedFile[] {
    return [this.#index, ...this.#levels]
  }
}
