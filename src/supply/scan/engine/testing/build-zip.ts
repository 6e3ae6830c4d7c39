import { crc32, deflateRawSync } from 'node:zlib'

/** One member as a test wants it: every header field may be made to lie. */
export interface MemberPlan {
  readonly name: string
  readonly content: Uint8Array
  readonly isDeflated?: boolean
  readonly method?: number
  readonly local?: Partial<HeaderPlan>
  readonly central?: Partial<HeaderPlan>
  /** Left out of the directory. */
  readonly isUnlisted?: boolean
  /** Points the directory entry at another local header. */
  readonly localOffset?: number
  readonly extra?: Uint8Array
}

interface HeaderPlan {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly compressedSize: number
  readonly size: number
}

export interface ZipPlan {
  readonly prefix?: Uint8Array
  /** Offsets count from the file's start even with a prefix. */
  readonly isShifted?: boolean
  readonly between?: Uint8Array
  readonly suffix?: Uint8Array
  readonly comment?: Uint8Array
  readonly entryCount?: number
  readonly disk?: number
}

/** Writes an archive (APPNOTE 6.3.10) with whatever a plan makes wrong. */
export function buildZip(members: readonly MemberPlan[], plan: ZipPlan = {}): Buffer {
  const prefix = Buffer.from(plan.prefix ?? [])
  const parts: Buffer[] = [prefix]
  const entries: Buffer[] = []
  let offset = plan.isShifted === true ? 0 : prefix.length
  for (const [index, member] of members.entries()) {
    if (index > 0 && plan.between !== undefined) {
      parts.push(Buffer.from(plan.between))
      offset += plan.between.length
    }
    const content = Buffer.from(member.content)
    const data = member.isDeflated === true ? deflateRawSync(content) : content
    const plain: HeaderPlan = {
      name: member.name,
      flags: 0,
      method: member.method ?? (member.isDeflated === true ? 8 : 0),
      crc: crc32(content),
      compressedSize: data.length,
      size: content.length,
    }
    const extra = Buffer.from(member.extra ?? [])
    const local = header('PK\x03\x04', { ...plain, ...member.local }, extra)
    const central = { ...plain, ...member.central }
    if (member.isUnlisted !== true) {
      const entry = Buffer.alloc(46)
      entry.write('PK\x01\x02', 0, 'latin1')
      entry.writeUInt16LE(0x0314, 4)
      writeFields(entry, 8, central)
      const name = Buffer.from(central.name)
      entry.writeUInt16LE(name.length, 28)
      entry.writeUInt16LE(extra.length, 30)
      entry.writeUInt32LE(member.localOffset ?? offset, 42)
      entries.push(entry, name, extra)
    }
    parts.push(local, data)
    offset += local.length + data.length
  }
  const directory = Buffer.concat(entries)
  const comment = Buffer.from(plan.comment ?? [])
  const listed = members.filter((member) => member.isUnlisted !== true).length
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(plan.disk ?? 0, 4)
  end.writeUInt16LE(plan.entryCount ?? listed, 8)
  end.writeUInt16LE(plan.entryCount ?? listed, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...parts, directory, end, comment, Buffer.from(plan.suffix ?? [])])
}

function header(signature: string, plan: HeaderPlan, extra: Buffer): Buffer {
  const bytes = Buffer.alloc(30)
  bytes.write(signature, 0, 'latin1')
  writeFields(bytes, 6, plan)
  const name = Buffer.from(plan.name)
  bytes.writeUInt16LE(name.length, 26)
  bytes.writeUInt16LE(extra.length, 28)
  return Buffer.concat([bytes, name, extra])
}

function writeFields(bytes: Buffer, at: number, plan: HeaderPlan): void {
  bytes.writeUInt16LE(plan.flags, at)
  bytes.writeUInt16LE(plan.method, at + 2)
  bytes.writeUInt32LE(plan.crc, at + 8)
  bytes.writeUInt32LE(plan.compressedSize, at + 12)
  bytes.writeUInt32LE(plan.size, at + 16)
}

/** A tar with its checksums right. */
export function buildTar(
  members: readonly { name: string; content: Uint8Array; type?: string; link?: string }[],
): Buffer {
  const parts: Buffer[] = []
  for (const { name, content, type, link } of members) {
    const head = Buffer.alloc(512)
    head.write(name, 0)
    head.write('0000644\0', 100)
    head.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    head.write('        ', 148)
    head.write(type ?? '0', 156)
    head.write(link ?? '', 157)
    head.write('ustar\x0000', 257, 'latin1')
    const sum = head.reduce((total, byte) => total + byte, 0)
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    parts.push(head, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512))
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}
