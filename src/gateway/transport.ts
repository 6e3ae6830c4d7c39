import type { ServerResponse } from 'node:http'
import type { Call } from './call.ts'

/** A whole answer. */
export interface Answer {
  readonly status: number
  /** Names and values alternating; those of the body's length and of the connection's end are added to them. */
  readonly headers: string[]
  readonly body: string | Uint8Array
}

/** How long the rest of a refused body is read and thrown away, so that the client gets to see the answer. */
const LINGER_MS = 1_000

/** Sends an answer in one piece. Without effect when the client has left. */
export function send(response: ServerResponse, answer: Answer, isClosing: boolean): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(answer.status, headersOf(answer, isClosing))
  response.end(answer.body)
}

/**
 * Sends an answer to a request whose body is not wanted. A small announced body is left to node, which skips it and
 * keeps the connection. Any other is read and dropped for a moment before the connection is closed: closing with unread
 * bytes would reset it, and the client would see a broken connection instead of the reason.
 */
export function sendEarly(call: Call, answer: Answer, isClosing: boolean, maxBodyBytes: number): void {
  const { request, response, head } = call
  const isSmall = !head.isChunked && (head.contentLength ?? 0) <= maxBodyBytes
  if (request.complete || isSmall) {
    send(response, answer, isClosing)
    return
  }
  if (response.destroyed || response.headersSent) return
  response.writeHead(answer.status, headersOf(answer, true))
  response.write(answer.body)
  const finish = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(finish, LINGER_MS)
  request.removeAllListeners('data')
  request.resume()
  request.on('end', finish)
  response.on('close', finish)
}

function headersOf({ headers, body }: Answer, isClosing: boolean): string[] {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  headers.push('content-length', String(length))
  if (isClosing) headers.push('connection', 'close')
  return headers
}
