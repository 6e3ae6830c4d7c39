import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseP256PublicKey, signP256, verifyP256 } from './p256.ts'

describe('P-256 signatures', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = Buffer.from('sample')

  test('verify with the public half and in no other case', () => {
    const signature = signP256(privateKey, message)
    expect(verifyP256(publicKey, message, signature)).toBe(true)
    expect(verifyP256(publicKey, Buffer.from('Sample'), signature)).toBe(false)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(verifyP256(other.publicKey, message, signature)).toBe(false)
    expect(verifyP256(publicKey, message, Buffer.alloc(0))).toBe(false)
    expect(verifyP256(publicKey, message, signature.subarray(1))).toBe(false)
  })

  test('verify the vector of RFC 6979 section A.2.5', () => {
    const key = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: Buffer.from('60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6', 'hex').toString(
          'base64url',
        ),
        y: Buffer.from('7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299', 'hex').toString(
          'base64url',
        ),
      },
    })
    const r = 'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716'
    const s = 'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8'
    const signature = Buffer.from(`30460221 00${r} 022100${s}`.replaceAll(' ', ''), 'hex')
    expect(verifyP256(key, message, signature)).toBe(true)
  })

  test('refuse keys of other kinds', () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const ed25519 = generateKeyPairSync('ed25519')
    const code = expect.objectContaining({ code: 'crypto.key-invalid' })
    expect(() => signP256(p384.privateKey, message)).toThrow(code)
    expect(() => verifyP256(ed25519.publicKey, message, Buffer.alloc(64))).toThrow(code)
    const pem = p384.publicKey.export({ format: 'pem', type: 'spki' }).toString()
    expect(() => parseP256PublicKey(pem)).toThrow(code)
    expect(() => parseP256PublicKey('not a key')).toThrow(code)
  })

  test('read a public key from its PEM', () => {
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
    expect(parseP256PublicKey(pem).equals(publicKey)).toBe(true)
  })
})
