export const CHANNELS = [
  'system',
  'developer',
  'user',
  'tool-result',
  'tool-definition',
  'retrieved',
  'assistant',
  'tool-call',
  'reasoning',
] as const
export type Channel = (typeof CHANNELS)[number]

/** How far the author of a text is trusted; an operator's words may instruct, a document's may not. */
export type TrustLevel = 'operator' | 'caller' | 'third-party' | 'model'

/** One piece of text inside a request or an answer. Controls see segments and never a protocol. */
export interface Segment {
  /** JSON pointer (RFC 6901) into the body it came from. */
  readonly pointer: string
  readonly channel: Channel
  readonly trust: TrustLevel
  readonly text: string
}
