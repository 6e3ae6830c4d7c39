/**
 * Strict base64 of RFC 4648 section 4: padded, no white space, no stray bits. Node's own decoder takes anything; two
 * texts for one signature would be two notes for one statement.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
