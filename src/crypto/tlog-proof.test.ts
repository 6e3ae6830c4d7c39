import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts'

const hash = Buffer.alloc(32, 5)
const checkpoint =
  'example.com/log\n2\nBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n\n— example.com/log AAAAAAA=\n'

describe('a tlog proof', () => {
  test('has the form of C2SP tlog-proof', () => {
    expect(formatTlogProof({ extra: Buffer.from('hi'), index: 1, path: [hash], checkpoint })).toBe(
      `c2sp.org/tlog-proof@v1\nextra aGk=\nindex 1\n${hash.toString('base64')}\n\n${checkpoint}`,
    )
  })

  test('is read as it was written, with and without extra data and path', () => {
    const proofs = fc.record({
      index: fc.maxSafeNat(),
      path: fc.array(
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
        {
          maxLength: 63,
        },
      ),
      extra: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
    })
    fc.assert(
      fc.property(proofs, ({ index, path, extra }) => {
        const proof = { index, path, checkpoint, ...(extra === null ? {} : { extra }) }
        expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof)
      }),
    )
  })

  const good = formatTlogProof({ extra: Buffer.from('hi'), index: 1, path: [hash], checkpoint })
  test.each([
    ['another version', good.replace('@v1', '@v2')],
    ['no index', good.replace('index 1\n', '')],
    ['a leading zero', good.replace('index 1', 'index 01')],
    ['an index beyond exact numbers', good.replace('index 1', 'index 9007199254740993')],
    ['a short hash', good.replace('BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=', 'BQUF')],
    ['unpadded base64', good.replace('BQU=', 'BQU')],
    ['bad extra data', good.replace('aGk=', 'aG')],
    ['extra data after the index', good.replace('extra aGk=\nindex 1', 'index 1\nextra aGk=')],
    ['no checkpoint', good.slice(0, good.indexOf('\n\n'))],
    ['a path too long', good.replace('index 1\n', `index 1\n${`${hash.toString('base64')}\n`.repeat(63)}`)],
    ['no end', 'c2sp.org/tlog-proof@v1\n'.repeat(20_000)],
  ])('with %s is malformed', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(expect.objectContaining({ code: 'crypto.proof-malformed' }))
  })
})
