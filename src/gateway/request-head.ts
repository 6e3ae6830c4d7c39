/** What the gateway reads of a request's headers. */
export interface RequestHead {
  /** The credential as it was sent; undefined when there is none or more than one, which is no credential. */
  readonly credential: string | undefined
  /** Announced bytes of the body; undefined when it is chunked or absent. */
  readonly contentLength: number | undefined
  readonly isChunked: boolean
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** The text of Inference-Header-Content-Length; two of them joined by a comma, which is no number. */
  readonly inferenceHeaderLength: string | undefined
}

/**
 * Reads the headers that matter from node's flat list of names and values. `IncomingMessage.headers` would build an
 * object of them all, and would keep the first of two Authorization headers without a word.
 */
export function readHead(rawHeaders: readonly string[]): RequestHead {
  let credential: string | undefined
  let credentials = 0
  let contentLength: number | undefined
  let isChunked = false
  let contentType: string | undefined
  let contentEncoding: string | undefined
  let inferenceHeaderLength: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    // The length tells nearly all names apart before any is lower-cased.
    switch (name.length) {
      case 9:
        if (name.toLowerCase() === 'x-api-key') {
          credentials++
          credential = value
        }
        break
      case 12:
        if (name.toLowerCase() === 'content-type') contentType = value
        break
      case 13:
        if (name.toLowerCase() === 'authorization') {
          credentials++
          credential = value
        }
        break
      case 14:
        // node's parser has already refused what is no number, and two that differ.
        if (name.toLowerCase() === 'content-length') contentLength = Number(value)
        break
      case 16:
        if (name.toLowerCase() === 'content-encoding') contentEncoding = value
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') isChunked = true
        break
      case 31:
        if (name.toLowerCase() === 'inference-header-content-length') {
          inferenceHeaderLength =
            inferenceHeaderLength === undefined ? value : `${inferenceHeaderLength},${value}`
        }
        break
      default:
    }
  }
  return {
    credential: credentials === 1 ? credential : undefined,
    contentLength,
    isChunked,
    contentType,
    contentEncoding,
    inferenceHeaderLength,
  }
}
