import type { Anomaly } from '../anomaly.ts'
import type { ByteSource } from '../bytes/index.ts'

/** Which loaders see a member: those that follow the central directory, or those that follow local headers. */
export type ZipView = 'central' | 'local'

/** One reading of one range of an archive as a member. Two headers that disagree give two readings. */
export interface ZipMember {
  readonly name: string
  readonly view: ZipView
  readonly headerOffset: number
  readonly dataOffset: number
  readonly compressedSize: number
  /** What the header declares; untrusted. */
  readonly size: number
  /** APPNOTE 4.4.5: 0 stored, 8 deflate, 9 deflate64, 12 bzip2, 14 lzma, 93 zstd, 95 xz, 98 ppmd. */
  readonly method: number
  readonly flags: number
  /** Undefined where the header leaves it to a data descriptor. */
  readonly crc32: number | undefined
  readonly isEncrypted: boolean
  readonly isDirectory: boolean
}

/** Bytes that belong to no member, no directory and no end record. */
export interface ZipGap {
  readonly kind: 'prefix' | 'between' | 'suffix' | 'comment'
  readonly offset: number
  readonly length: number
}

export interface ZipReading {
  readonly isZip: boolean
  readonly members: readonly ZipMember[]
  readonly gaps: readonly ZipGap[]
  readonly anomalies: readonly Anomaly[]
}

/** An untrusted range of an archive. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface ZipBudget {
  readonly maxMembers: number
  readonly maxAnomalies: number
  /** Ends of central directory that are followed. */
  readonly maxEndRecords: number
}

export const DEFAULT_ZIP_BUDGET: ZipBudget = { maxMembers: 200_000, maxAnomalies: 200, maxEndRecords: 64 }

/** What the readers of one archive share: its bytes, its budget and what was odd. */
export class ZipArchive {
  readonly source: ByteSource
  readonly budget: ZipBudget
  readonly anomalies: Anomaly[] = []

  constructor(source: ByteSource, budget: ZipBudget) {
    this.source = source
    this.budget = budget
  }

  note(code: string, message: string, offset: number, isUnread = false): void {
    if (
      this.anomalies.length < this.budget.maxAnomalies ||
      (isUnread && !this.anomalies.some((a) => a.isUnread))
    ) {
      this.anomalies.push({ code, message, offset, isUnread })
    }
  }
}

export const LOCAL_SIGNATURE = 0x04034b50
export const CENTRAL_SIGNATURE = 0x02014b50
export const END_SIGNATURE = 0x06054b50
export const FLAG_ENCRYPTED = 0x1
export const FLAG_DESCRIPTOR = 0x8
export const FLAG_PATCH = 0x20
export const FLAG_STRONG_ENCRYPTION = 0x40
export const FLAG_UTF8 = 0x800
export const FLAG_MASKED = 0x2000
