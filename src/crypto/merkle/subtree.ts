import { nodeHash } from './hash.ts'

/** The complete subtree over the leaves [index * 2^height, (index + 1) * 2^height). */
export interface Subtree {
  readonly height: number
  readonly index: number
}

/**
 * Gives the roots of complete subtrees, in the order asked for. One call a proof, so that a store can read all it needs
 * together.
 */
export type SubtreeReader = (subtrees: readonly Subtree[]) => Promise<readonly Uint8Array[]>

/** Largest power of two below `n`, for n > 1. Sizes may exceed 2^31, so no bit operators here. */
export function splitPoint(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

/** The maximal complete subtrees that together are the tree over the leaves [start, end), from the left. */
export function decompose(start: number, end: number): Subtree[] {
  const subtrees: Subtree[] = []
  let position = start
  while (position < end) {
    let height = 0
    while (position % 2 ** (height + 1) === 0 && position + 2 ** (height + 1) <= end) height++
    subtrees.push({ height, index: position / 2 ** height })
    position += 2 ** height
  }
  return subtrees
}

/** The root of a tree from the roots of its maximal complete subtrees, from the left; at least one. */
export function foldRoots(roots: readonly Uint8Array[]): Buffer {
  let hash = roots.at(-1)
  if (hash === undefined) throw new RangeError('no roots to fold')
  for (let index = roots.length - 2; index >= 0; index--) {
    const left = roots[index]
    if (left === undefined) throw new RangeError('a root is missing')
    hash = nodeHash(left, hash)
  }
  return Buffer.from(hash)
}

/** The roots of several leaf ranges, read with one call. */
export async function readRanges(
  ranges: readonly (readonly [start: number, end: number])[],
  read: SubtreeReader,
): Promise<Buffer[]> {
  const parts = ranges.map(([start, end]) => decompose(start, end))
  const roots = await read(parts.flat())
  let taken = 0
  return parts.map((part) => {
    const own = roots.slice(taken, taken + part.length)
    taken += part.length
    return foldRoots(own)
  })
}
