import { Readable } from 'node:stream'
import {
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib'
import type { ByteSource } from '../bytes/index.ts'
import { BitInput, BrokenStream } from './bit-input.ts'
import { decodeBzip2 } from './bzip2.ts'
import { decodeLz4 } from './lz4.ts'
import { decodeLzmaAlone } from './lzma.ts'
import { decodeXz } from './xz.ts'

export type Codec = 'deflate' | 'zlib' | 'gzip' | 'bzip2' | 'xz' | 'lzma' | 'zip-lzma' | 'lz4' | 'zstd'

/** How a stream ended; filled in once its last piece was given. */
export interface StreamEnd {
  /** Undefined where the stream ended as it should. */
  problem: string | undefined
  /** Bytes of the source that belonged to the stream. */
  consumed: number
}

/** A dictionary larger than this is never made: copies from further back are then a problem of the stream. */
export const MAX_DICTIONARY_BYTES = 64 * 1024 * 1024

/**
 * What the first bytes say a stream is. zlib has two bytes of header with a checksum and `.lzma` has no magic at all, so
 * these two are guesses that decoding confirms.
 */
export function detectCodec(head: Uint8Array): Codec | undefined {
  const hex = Buffer.from(head.subarray(0, 13)).toString('hex')
  if (hex.startsWith('1f8b08')) return 'gzip'
  if (hex.startsWith('425a68') && /^425a683[1-9](314159265359|177245385090)/.test(hex)) return 'bzip2'
  if (hex.startsWith('fd377a585a00')) return 'xz'
  if (hex.startsWith('04224d18') || hex.startsWith('02214c18') || /^5[0-9a-f]2a4d18/.test(hex)) return 'lz4'
  if (hex.startsWith('28b52ffd')) return 'zstd'
  const first = head[0] ?? 0
  const second = head[1] ?? 0
  if ((first & 15) === 8 && first >> 4 <= 7 && (first * 256 + second) % 31 === 0 && (second & 0x20) === 0)
    return 'zlib'
  if (/^5d00[0-9a-f]{4}[0-9a-f]{2}(ffffffffffffffff|[0-9a-f]{10}000000)/.test(hex)) return 'lzma'
  return undefined
}

/** Streams of at most this size are read in one piece and decoded at once where node:zlib can. */
const SMALL_BYTES = 1024 * 1024

/**
 * Decodes a stream piece by piece; pieces before a break are given, `end` tells of the break. Never throws for what the
 * bytes hold. The caller counts what it takes and stops when its budget is spent.
 */
export async function* decompress(
  source: ByteSource,
  codec: Codec,
  end: StreamEnd,
): AsyncGenerator<Uint8Array> {
  end.problem = undefined
  end.consumed = source.size
  try {
    const decoder = ownDecoder(source, codec)
    if (decoder !== undefined) {
      let next = decoder.next()
      for (; next.done !== true; next = decoder.next()) if (next.value.length > 0) yield next.value
      if (typeof next.value === 'number') end.consumed = next.value
      return
    }
    yield* nativeDecoder(source, codec, end)
  } catch (thrown) {
    if (!(thrown instanceof BrokenStream) && !isZlibError(thrown)) throw thrown
    end.problem = thrown.message
  }
}

/** The whole of a small stream at once, or undefined where it is not small, not whole, or of another kind. */
export function decompressSmall(
  source: ByteSource,
  codec: Codec,
  maxBytes: number,
): { readonly bytes: Buffer; readonly consumed: number } | undefined {
  if (source.size > SMALL_BYTES) return undefined
  const inflate = { deflate: inflateRawSync, zlib: inflateSync, gzip: gunzipSync }[codec as string]
  if (inflate === undefined) return undefined
  try {
    const result: unknown = inflate(source.read(0, source.size), { maxOutputLength: maxBytes, info: true })
    if (!isInfo(result)) return undefined
    return { bytes: result.buffer, consumed: result.engine.bytesWritten }
  } catch (thrown) {
    if (isZlibError(thrown)) return undefined
    throw thrown
  }
}

function isInfo(value: unknown): value is { buffer: Buffer; engine: { bytesWritten: number } } {
  return typeof value === 'object' && value !== null && 'buffer' in value && 'engine' in value
}

function isZlibError(thrown: unknown): thrown is Error {
  if (!(thrown instanceof Error) || !('code' in thrown)) return false
  return /^(Z_|ERR_BUFFER_TOO_LARGE|ERR_ZSTD|ZSTD_|ERR_ZLIB|ERR_PADDING|ERR_TRAILING)/.test(
    String(thrown.code),
  )
}

function ownDecoder(source: ByteSource, codec: Codec): Generator<Buffer, unknown> | undefined {
  if (codec === 'bzip2') return decodeBzip2(source)
  if (codec === 'xz') return decodeXz(source, MAX_DICTIONARY_BYTES)
  if (codec === 'lz4') return decodeLz4(source)
  if (codec === 'lzma') return decodeLzmaAlone(new BitInput(source), MAX_DICTIONARY_BYTES)
  if (codec === 'zip-lzma') return decodeZipLzma(source)
  return undefined
}

/** APPNOTE 5.8: version, length of the properties, properties; the size is the member's own, so it ends with its data. */
function* decodeZipLzma(source: ByteSource): Generator<Buffer> {
  const input = new BitInput(source)
  input.bytes(2)
  const length = input.byte() | (input.byte() << 8)
  if (length !== 5) throw new BrokenStream('LZMA properties of an unknown length')
  const properties = input.bytes(5)
  const header = Buffer.concat([properties, Buffer.alloc(8, 0xff)])
  const rest = { size: source.size - 9 + 13, read: joined(header, source, 9) }
  yield* decodeLzmaAlone(new BitInput(rest), MAX_DICTIONARY_BYTES)
}

function joined(header: Buffer, source: ByteSource, from: number): ByteSource['read'] {
  return (offset, length) =>
    offset < header.length
      ? header.subarray(offset, offset + length)
      : source.read(offset - header.length + from, length)
}

const FEED_BYTES = 64 * 1024

/** One of Node's decoders; what comes out before a break is given. */
async function* nativeDecoder(source: ByteSource, codec: Codec, end: StreamEnd): AsyncGenerator<Uint8Array> {
  const stream =
    codec === 'deflate'
      ? createInflateRaw()
      : codec === 'zlib'
        ? createInflate()
        : codec === 'gzip'
          ? createGunzip()
          : createZstdDecompress()
  const feed = Readable.from(pieces(source), { objectMode: false })
  feed.pipe(stream)
  try {
    for await (const piece of stream) yield piece
  } finally {
    end.consumed = Math.min(source.size, stream.bytesWritten)
    feed.destroy()
    stream.destroy()
  }
}

function* pieces(source: ByteSource): Generator<Buffer> {
  for (let at = 0; at < source.size; at += FEED_BYTES) {
    const piece = Buffer.from(source.read(at, FEED_BYTES))
    if (piece.length === 0) return
    yield piece
  }
}
