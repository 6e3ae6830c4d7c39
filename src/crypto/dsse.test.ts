import { expect, test } from 'vitest'
import { preAuthenticationEncoding } from './dsse.ts'

test('the pre-authentication encoding is the vector of the DSSE protocol', () => {
  // github.com/secure-systems-lab/dsse, protocol.md, "Test Vectors".
  const encoded = preAuthenticationEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))
  expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})

test('lengths are counted in bytes', () => {
  expect(preAuthenticationEncoding('ä', Buffer.from('€')).toString()).toBe('DSSEv1 2 ä 3 €')
})
