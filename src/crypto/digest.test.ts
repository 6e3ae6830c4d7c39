import { expect, test } from 'vitest'
import { sha256, sha256Raw } from './digest.ts'

// FIPS 180-2, appendix B.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const LONG = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'
const LONG_DIGEST = '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'

test('SHA-256 gives the vectors of FIPS 180-2', () => {
  expect(sha256('abc')).toBe(ABC)
  expect(sha256(Buffer.from(LONG))).toBe(LONG_DIGEST)
  expect(sha256Raw(Buffer.from('abc')).toString('hex')).toBe(ABC)
})
