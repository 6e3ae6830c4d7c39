/**
 * Orders paths by their UTF-8 bytes, which is the order of their Unicode code points. JavaScript's own order is that of
 * UTF-16 and puts what lies beyond the basic plane before U+E000.
 */
export function comparePaths(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
