import type { Sha256 } from '../../core/index.ts'
import type { BlobStore } from '../../storage/index.ts'

/**
 * Deletes blobs that nobody references. A push stores blobs before anything references them, so nothing is swept while
 * a push runs, and no push begins while something is swept.
 */
export class BlobSweeper {
  readonly #blobs: Pick<BlobStore, 'delete'>
  readonly #references: () => Promise<ReadonlySet<Sha256>>
  readonly #candidates = new Set<Sha256>()
  #pushes = 0
  #sweeping: Promise<void> = Promise.resolve()

  constructor(blobs: Pick<BlobStore, 'delete'>, references: () => Promise<ReadonlySet<Sha256>>) {
    this.#blobs = blobs
    this.#references = references
  }

  /** Runs a push; when it fails, what it stored is swept as soon as no push runs, here or at a later one's end. */
  async guard<Result>(push: (stored: (blob: Sha256) => void) => Promise<Result>): Promise<Result> {
    await this.#idle()
    this.#pushes += 1
    const stored = new Set<Sha256>()
    try {
      return await push((blob) => stored.add(blob))
    } catch (failure) {
      for (const blob of stored) this.#candidates.add(blob)
      throw failure
    } finally {
      this.#pushes -= 1
      // A sweep that fails is tried again at the next push; the push's own outcome is what its caller must learn.
      await this.sweep().catch(() => 0)
    }
  }

  /**
   * Deletes what was offered and is referenced by nothing, unless a push runs.
   * @returns how many blobs were deleted.
   */
  async sweep(offered: Iterable<Sha256> = []): Promise<number> {
    for (const blob of offered) this.#candidates.add(blob)
    await this.#idle()
    if (this.#pushes > 0 || this.#candidates.size === 0) return 0
    const sweep = this.#delete()
    this.#sweeping = sweep.then(
      () => undefined,
      () => undefined,
    )
    return sweep
  }

  async #delete(): Promise<number> {
    const references = await this.#references()
    let deleted = 0
    for (const blob of this.#candidates) {
      if (!references.has(blob) && (await this.#blobs.delete(blob))) deleted += 1
      this.#candidates.delete(blob)
    }
    return deleted
  }

  async #idle(): Promise<void> {
    for (let seen = this.#sweeping; ; seen = this.#sweeping) {
      await seen
      if (seen === this.#sweeping) return
    }
  }
}
