import { HASH_BYTES, nodeHash } from './hash.ts'
import { readRanges, type SubtreeReader, splitPoint } from './subtree.ts'

/**
 * PATH(index, D[size]) of RFC 6962 section 2.1.1: from the leaf's sibling up to the root's child.
 *
 * @throws {RangeError} when there is no such leaf
 */
export function inclusionProof(index: number, size: number, read: SubtreeReader): Promise<Buffer[]> {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) throw new RangeError('no such leaf')
  const siblings: [number, number][] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    if (index < middle) {
      siblings.push([middle, end])
      end = middle
    } else {
      siblings.push([start, middle])
      start = middle
    }
  }
  return readRanges(siblings.reverse(), read)
}

export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.3.2. False for every claim that is not exactly proven; never throws. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, leafHash, root, proof } = claim
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  if (leafHash.length !== HASH_BYTES || proof.some((hash) => hash.length !== HASH_BYTES)) return false
  let fn = index
  let sn = size - 1
  let hash: Uint8Array = leafHash
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = Math.floor(sn / 2)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && Buffer.compare(hash, root) === 0
}
