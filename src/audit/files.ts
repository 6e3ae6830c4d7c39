import { z } from 'zod'
import { canonicalJson, sha256 } from '../crypto/index.ts'
import { corrupt } from './errors.ts'

/** Who the log is. Written last when a log is made: a folder with it is a whole log. */
export const DESCRIPTION_FILE = 'log.json'
/** Entry frames and checkpoint frames, in order. */
export const ENTRIES_FILE = 'entries'
/** Salts and erasable values. */
export const SIDE_FILE = 'side'
/** Where each entry begins in the two files above. Derived. */
export const INDEX_FILE = 'index'
/** What was acknowledged and how far the derived files are durable. */
export const HEAD_FILE = 'head'
/** The tree's hashes at the heights 0, 8, 16, … Derived. */
export const LEVEL_FILES: readonly string[] = [
  'level-0',
  'level-1',
  'level-2',
  'level-3',
  'level-4',
  'level-5',
]
/** A tlog tile spans eight levels of the tree. */
export const TILE_HEIGHT = 8
export const TILE_WIDTH = 2 ** TILE_HEIGHT

export const ALL_FILES: readonly string[] = [
  ENTRIES_FILE,
  SIDE_FILE,
  INDEX_FILE,
  ...LEVEL_FILES,
  HEAD_FILE,
  DESCRIPTION_FILE,
]

/** Bytes of an index record: two 48-bit big-endian offsets, into the entries and into the side store. */
export const INDEX_RECORD_BYTES = 12

/** How many hashes the level file has for a tree of `size` leaves. */
export function hashesAtLevel(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** A place between two commits: how much of the log lies before it. */
export interface Position {
  readonly size: number
  readonly entriesBytes: number
  readonly sideBytes: number
}

export interface Description {
  readonly origin: string
  readonly vkey: string
}

const DESCRIPTION = z.strictObject({
  format: z.literal('sallyport-log'),
  origin: z.string(),
  version: z.number(),
  vkey: z.string(),
})

export function formatDescription(description: Description): string {
  return `${canonicalJson({ format: 'sallyport-log', version: 1, ...description })}\n`
}

/** @returns undefined when the text is not exactly a description that this version understands */
export function parseDescription(text: string): (Description & { version: number }) | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const result = DESCRIPTION.safeParse(parsed)
  if (!result.success) return undefined
  const { origin, vkey, version } = result.data
  if (version === 1 && formatDescription({ origin, vkey }) !== text) return undefined
  return { origin, vkey, version }
}

/**
 * The head of a log. `acknowledged` is the last commit that callers were told of; `durable` the commit up to which the
 * index and level files are known to be on disk, its `entriesBytes` being where that commit's checkpoint frame begins.
 */
export interface Head {
  readonly acknowledged: Position
  readonly durable: Position
}

/** One sector, so that a power cut leaves the old head or the new one. */
export const HEAD_BYTES = 512

const COUNT = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const POSITION = z.strictObject({ size: COUNT, entriesBytes: COUNT, sideBytes: COUNT })
const HEAD = z.strictObject({ acknowledged: POSITION, durable: POSITION, sha256: z.string() })

/** JSON, spaces up to HEAD_BYTES, and a newline. */
export function formatHead(head: Head): Buffer {
  const body = `{"acknowledged":${formatPosition(head.acknowledged)},"durable":${formatPosition(head.durable)}`
  const text = `${body},"sha256":"${sha256(body)}"}`
  return Buffer.from(`${text.padEnd(HEAD_BYTES - 1)}\n`, 'ascii')
}

function formatPosition({ size, entriesBytes, sideBytes }: Position): string {
  return `{"entriesBytes":${entriesBytes},"sideBytes":${sideBytes},"size":${size}}`
}

/** @throws {SallyportError} `audit.log-corrupt` unless the bytes are exactly what `formatHead` writes */
export function parseHead(bytes: Uint8Array): Head {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('latin1'))
  } catch (cause) {
    throw corrupt('it cannot be read', { file: HEAD_FILE }, cause)
  }
  const result = HEAD.safeParse(parsed)
  if (!result.success || !formatHead(result.data).equals(bytes)) {
    throw corrupt('its checksum does not hold', { file: HEAD_FILE })
  }
  return result.data
}
