/** A small generator of pseudo-random numbers (mulberry32): the same seed gives the same mutations. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff]

/** One to eight changes: bits, bytes, numbers, pieces cut, doubled, moved in from elsewhere, the end cut off. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  let result = Buffer.from(bytes)
  const below = (limit: number) => Math.floor(random() * limit)
  for (let change = 1 + below(8); change > 0 && result.length > 0; change--) {
    const at = below(result.length)
    const kind = below(7)
    if (kind === 0) result[at] = (result[at] ?? 0) ^ (1 << below(8))
    else if (kind === 1) result[at] = below(256)
    else if (kind === 2 && at + 4 <= result.length) result.writeUInt32LE(INTERESTING[below(9)] ?? 0, at)
    else if (kind === 3) result = result.subarray(0, at)
    else if (kind === 4) result = Buffer.concat([result.subarray(0, at), result.subarray(at + below(32))])
    else if (kind === 5)
      result = Buffer.concat([
        result.subarray(0, at),
        result.subarray(below(at + 1), at),
        result.subarray(at),
      ])
    else if (at + 8 <= result.length)
      result.writeBigUInt64LE(BigInt(INTERESTING[below(9)] ?? 0) << BigInt(below(33)), at)
    if (result.length > 200_000) result = result.subarray(0, 200_000)
  }
  return Buffer.from(result)
}
