import { getRandomValues } from 'node:crypto'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Lower-case hex SHA-256, 64 characters. */
export type Sha256 = Branded<'Sha256'>
/** SHA-256 of an artifact's canonical manifest. */
export type ArtifactId = Sha256
export type EventId = Branded<'EventId'>
export type ExchangeId = Branded<'ExchangeId'>
export type TenantId = Branded<'TenantId'>
export type KeyId = Branded<'KeyId'>
export type ModelName = Branded<'ModelName'>
export type VersionName = Branded<'VersionName'>
export type EnvironmentName = Branded<'EnvironmentName'>

const SHA256 = /^[0-9a-f]{64}$/

export function isSha256(text: string): text is Sha256 {
  return SHA256.test(text)
}

/** Names of models, versions, environments and tenants: what is safe in a URL, a file name and a metric label. */
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/

/** 1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit, without `..`. */
export function isName(text: string): boolean {
  return NAME.test(text) && !text.includes('..')
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * A sortable unique id: 48 bits of milliseconds and 80 random bits in Crockford base 32 (the layout of a ULID), 26
 * characters, after a prefix that names its kind, such as `evt_01jd…`.
 */
export function sortableId(prefix: string, epochMs: number): string {
  let id = ''
  let time = epochMs
  for (let index = 0; index < 10; index++) {
    id = CROCKFORD.charAt(time % 32) + id
    time = Math.floor(time / 32)
  }
  for (const byte of randomPool(16)) id += CROCKFORD.charAt(byte & 31)
  return `${prefix}_${id}`
}

// One system call for many ids: ids are made on the hot path.
const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

function randomPool(length: number): Uint8Array {
  if (used + length > POOL_BYTES) {
    getRandomValues(pool)
    used = 0
  }
  used += length
  return pool.subarray(used - length, used)
}

export const newEventId = (epochMs: number): EventId => sortableId('evt', epochMs) as EventId
export const newExchangeId = (epochMs: number): ExchangeId => sortableId('exc', epochMs) as ExchangeId
