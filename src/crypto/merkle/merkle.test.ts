import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  MerkleFrontier,
  nodeHash,
  type SubtreeReader,
  verifyConsistency,
  verifyInclusion,
} from './index.ts'

// The reference data of Certificate Transparency (transparency-dev/merkle, testonly), made with its C++ implementation.
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => Buffer.from(hex, 'hex'))
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const H1 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
const H23 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
const H4567 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
const H4 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
const H45 = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'
const H67 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
const H0123 = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'
const H01 = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'
const H0 = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'

/** MTH of RFC 6962 section 2.1, word for word: the oracle. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return leafHash(only)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)))
}

const readerOver =
  (leaves: readonly Buffer[]): SubtreeReader =>
  async (subtrees) =>
    subtrees.map(({ height, index }) =>
      treeHash(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height)),
    )

const numbered = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`))
const hexes = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('hex'))
const hash = (hex: string) => Buffer.from(hex, 'hex')

describe('the tree of RFC 6962', () => {
  test('has the roots of the Certificate Transparency reference data', () => {
    ROOTS.forEach((root, size) => {
      const frontier = new MerkleFrontier()
      for (const leaf of LEAVES.slice(0, size)) frontier.push(leafHash(leaf).toString('latin1'))
      expect(frontier.root().toString('hex')).toBe(root)
      expect(treeHash(LEAVES.slice(0, size)).toString('hex')).toBe(root)
    })
  })

  test.each([
    [0, 1, []],
    [0, 8, [H1, H23, H4567]],
    [5, 8, [H4, H67, H0123]],
    [2, 3, [H01]],
    [1, 5, [H0, H23, H4]],
  ])('proves leaf %i in a tree of %i as the reference does', async (index, size, expected) => {
    const proof = await inclusionProof(index, size, readerOver(LEAVES))
    expect(hexes(proof)).toEqual(expected)
    const leaf = LEAVES[index] ?? Buffer.alloc(0)
    expect(
      verifyInclusion({ index, size, leafHash: leafHash(leaf), root: hash(ROOTS[size] ?? ''), proof }),
    ).toBe(true)
  })

  test.each([
    [1, 1, []],
    [1, 8, [H1, H23, H4567]],
    [6, 8, [H45, H67, H0123]],
    [2, 5, [H23, H4]],
  ])('proves the tree of %i within that of %i as the reference does', async (oldSize, size, expected) => {
    const proof = await consistencyProof(oldSize, size, readerOver(LEAVES))
    expect(hexes(proof)).toEqual(expected)
    const claim = { oldSize, size, oldRoot: hash(ROOTS[oldSize] ?? ''), root: hash(ROOTS[size] ?? ''), proof }
    expect(verifyConsistency(claim)).toBe(true)
  })

  test('proves every leaf and every older tree of every tree up to 40 leaves', async () => {
    const leaves = numbered(40)
    const read = readerOver(leaves)
    for (let size = 0; size <= leaves.length; size++) {
      const root = treeHash(leaves.slice(0, size))
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, read)
        const claim = { index, size, leafHash: leafHash(leaves[index] ?? Buffer.alloc(0)), root, proof }
        expect(verifyInclusion(claim)).toBe(true)
        expect(verifyInclusion({ ...claim, index: index === 0 ? 1 : index - 1 })).toBe(false)
      }
      for (let oldSize = 0; oldSize <= size; oldSize++) {
        const proof = await consistencyProof(oldSize, size, read)
        const claim = { oldSize, size, oldRoot: treeHash(leaves.slice(0, oldSize)), root, proof }
        expect(verifyConsistency(claim)).toBe(true)
        if (oldSize > 0) expect(verifyConsistency({ ...claim, oldRoot: leafHash(root) })).toBe(false)
      }
    }
  })

  test('refuses a proof with any hash changed, dropped, doubled or added', async () => {
    const leaves = numbered(200)
    const read = readerOver(leaves)
    const cases = fc.record({
      size: fc.integer({ min: 2, max: 200 }),
      at: fc.nat(),
      pick: fc.nat(),
      how: fc.constantFrom('change', 'drop', 'double', 'add'),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ size, at, pick, how }) => {
        const root = treeHash(leaves.slice(0, size))
        const index = at % size
        const leaf = leafHash(leaves[index] ?? Buffer.alloc(0))
        const inclusion = await inclusionProof(index, size, read)
        expect(verifyInclusion({ index, size, leafHash: leaf, root, proof: inclusion })).toBe(true)
        expect(
          verifyInclusion({ index, size, leafHash: leaf, root, proof: tampered(inclusion, how, pick) }),
        ).toBe(false)
        const oldSize = 1 + (at % (size - 1))
        const oldRoot = treeHash(leaves.slice(0, oldSize))
        const consistency = await consistencyProof(oldSize, size, read)
        expect(verifyConsistency({ oldSize, size, oldRoot, root, proof: consistency })).toBe(true)
        expect(
          verifyConsistency({ oldSize, size, oldRoot, root, proof: tampered(consistency, how, pick) }),
        ).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('refuses claims that make no sense', () => {
    const root = treeHash(numbered(3))
    const leaf = leafHash(Buffer.from('leaf 0'))
    for (const [index, size] of [
      [0, 0],
      [3, 3],
      [-1, 3],
      [0.5, 3],
      [0, Number.NaN],
    ] as const) {
      expect(verifyInclusion({ index, size, leafHash: leaf, root, proof: [] })).toBe(false)
    }
    expect(verifyInclusion({ index: 0, size: 1, leafHash: leaf.subarray(1), root: leaf, proof: [] })).toBe(
      false,
    )
    expect(verifyConsistency({ oldSize: 4, size: 3, oldRoot: root, root, proof: [] })).toBe(false)
    expect(verifyConsistency({ oldSize: 0, size: 3, oldRoot: root, root, proof: [] })).toBe(false)
    expect(() => inclusionProof(3, 3, readerOver(numbered(3)))).toThrow(RangeError)
    expect(() => consistencyProof(4, 3, readerOver(numbered(3)))).toThrow(RangeError)
  })

  test('has the same root whether leaves or whole subtrees are appended', () => {
    const leaves = numbered(300)
    for (const size of [1, 7, 8, 255, 256, 257, 300]) {
      const frontier = new MerkleFrontier()
      for (const leaf of leaves.slice(0, size)) frontier.push(leafHash(leaf).toString('latin1'))
      const again = new MerkleFrontier()
      for (const { height, root } of frontier.subtrees()) again.pushSubtree(height, root)
      expect(again.size).toBe(size)
      expect(again.root()).toEqual(treeHash(leaves.slice(0, size)))
      again.push('\0'.repeat(32))
      expect(frontier.root()).toEqual(treeHash(leaves.slice(0, size)))
    }
  })

  test('announces every subtree once, when it is complete', () => {
    const frontier = new MerkleFrontier()
    const heights: number[] = []
    for (let leaf = 0; leaf < 8; leaf++) frontier.push('\0'.repeat(32), (height) => heights.push(height))
    expect(heights).toEqual([0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 0, 0, 1, 2, 3])
  })
})

function tampered(
  proof: readonly Buffer[],
  how: 'change' | 'drop' | 'double' | 'add',
  pick: number,
): Buffer[] {
  const at = proof.length === 0 ? 0 : pick % proof.length
  const changed = Buffer.from(proof[at] ?? Buffer.alloc(32))
  changed[pick % 32] = (changed[pick % 32] ?? 0) ^ 1
  if (how === 'add' || proof.length === 0) return [...proof, changed]
  if (how === 'change') return proof.with(at, changed)
  return how === 'drop' ? proof.toSpliced(at, 1) : proof.toSpliced(at, 0, proof[at] ?? changed)
}
