import { EMPTY_ROOT, type HashText, nodeHashText } from './hash.ts'

/** Called for every subtree that becomes complete: its height and its root. Leaves have height 0. */
export type OnComplete = (height: number, hash: HashText) => void

/**
 * The right edge of an RFC 6962 tree: the roots of its maximal complete subtrees, from the left. Appending a leaf costs
 * one node hash on average, the root one for each bit set in the size.
 */
export class MerkleFrontier {
  #size = 0
  /** Subtree roots in order of falling height: one for each bit set in the size. */
  readonly #roots: HashText[] = []

  get size(): number {
    return this.#size
  }

  clone(): MerkleFrontier {
    const copy = new MerkleFrontier()
    copy.#size = this.#size
    copy.#roots.push(...this.#roots)
    return copy
  }

  /** Appends a leaf's hash. */
  push(leaf: HashText, onComplete?: OnComplete): void {
    let hash = leaf
    onComplete?.(0, hash)
    let height = 0
    let rest = this.#size
    while (rest % 2 === 1) {
      const left = this.#roots.pop()
      if (left === undefined) throw new RangeError('the frontier has lost a root')
      hash = nodeHashText(left, hash)
      height++
      onComplete?.(height, hash)
      rest = (rest - 1) / 2
    }
    this.#roots.push(hash)
    this.#size++
  }

  /**
   * Appends the root of a whole complete subtree of 2^height leaves; the size must be a multiple of that. Subtrees are
   * given in order of falling height, so that nothing merges: this rebuilds a frontier, it does not extend a tree.
   */
  pushSubtree(height: number, root: HashText): void {
    const leaves = 2 ** height
    if (this.#size % (2 * leaves) !== 0) throw new RangeError('a subtree out of order')
    this.#roots.push(root)
    this.#size += leaves
  }

  /** The maximal complete subtrees, from the left. */
  subtrees(): { readonly height: number; readonly root: HashText }[] {
    let rest = this.#size
    const reversed = this.#roots.toReversed().map((root) => {
      let height = 0
      while (rest % 2 ** (height + 1) === 0) height++
      rest -= 2 ** height
      return { height, root }
    })
    return reversed.reverse()
  }

  /** The root hash of the tree, 32 bytes. */
  root(): Buffer {
    let index = this.#roots.length - 1
    let hash = this.#roots[index]
    if (hash === undefined) return Buffer.from(EMPTY_ROOT)
    for (index--; index >= 0; index--) hash = nodeHashText(this.#roots[index] ?? '', hash)
    return Buffer.from(hash, 'latin1')
  }
}
