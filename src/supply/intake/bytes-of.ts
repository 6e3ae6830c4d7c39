/** What a byte stream of a library gives, which its types leave open. */
export async function* bytesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('a byte stream gave something that is no bytes')
    yield piece
  }
}
