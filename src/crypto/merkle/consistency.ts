import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts'
import { readRanges, type SubtreeReader, splitPoint } from './subtree.ts'

/**
 * PROOF(oldSize, D[size]) of RFC 6962 section 2.1.2. Empty when the sizes are equal or the old tree is empty.
 *
 * @throws {RangeError} when the old tree is not within the new one
 */
export function consistencyProof(oldSize: number, size: number, read: SubtreeReader): Promise<Buffer[]> {
  if (!(Number.isSafeInteger(oldSize) && oldSize >= 0 && oldSize <= size))
    throw new RangeError('no such tree')
  if (oldSize === 0 || oldSize === size) return Promise.resolve([])
  const ranges: [number, number][] = []
  let start = 0
  let end = size
  // SUBPROOF: walk to the right edge of the old tree; what is beside the way is the proof.
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start)
    if (oldSize <= middle) {
      ranges.push([middle, end])
      end = middle
    } else {
      ranges.push([start, middle])
      start = middle
    }
  }
  // The old root itself is known to the verifier when the old tree is complete and begins at 0.
  if (start !== 0) ranges.push([start, end])
  return readRanges(ranges.reverse(), read)
}

export interface ConsistencyClaim {
  readonly oldSize: number
  readonly size: number
  readonly oldRoot: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.4.2. False for every claim that is not exactly proven; never throws. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, size, oldRoot, root, proof } = claim
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(size) || oldSize < 0 || oldSize > size)
    return false
  if (proof.some((hash) => hash.length !== HASH_BYTES)) return false
  if (oldSize === size) return proof.length === 0 && Buffer.compare(oldRoot, root) === 0
  if (oldSize === 0) return proof.length === 0 && Buffer.compare(oldRoot, EMPTY_ROOT) === 0
  let fn = oldSize - 1
  let sn = size - 1
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  // A complete old tree is its own first hash.
  const path = fn === 0 ? [oldRoot, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) return false
  let oldHash: Uint8Array = first
  let hash: Uint8Array = first
  for (const next of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      oldHash = nodeHash(next, oldHash)
      hash = nodeHash(next, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      hash = nodeHash(hash, next)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && Buffer.compare(oldHash, oldRoot) === 0 && Buffer.compare(hash, root) === 0
}
