import type { Anomaly } from '../anomaly.ts'
import { type ByteSource, Cursor } from '../bytes/index.ts'

export interface Hdf5Attribute {
  readonly object: string
  readonly name: string
  /** Text values; numbers are left out. */
  readonly texts: readonly string[]
  readonly offset: number
}

export interface Hdf5Reading {
  readonly isHdf5: boolean
  readonly attributes: readonly Hdf5Attribute[]
  /** Links that lead into another file: what file, and which object in it. */
  readonly externalLinks: readonly {
    readonly name: string
    readonly target: string
    readonly offset: number
  }[]
  /** Datasets whose values are kept in other files. */
  readonly externalStorage: readonly {
    readonly object: string
    readonly kind: 'files' | 'virtual'
    readonly offset: number
  }[]
  readonly objectNames: readonly string[]
  readonly anomalies: readonly Anomaly[]
}

const SIGNATURE = Buffer.from('894844460d0a1a0a', 'hex')
const UNDEFINED = 2 ** 64
const MAX_OBJECTS = 100_000
const MAX_MESSAGES = 1_000_000
const MAX_TEXT_BYTES = 32 * 1024 * 1024
const MAX_DEPTH = 64

/** Where the signature stands: at 0, or after a user block of 512 bytes or a doubling of it; -1 for none. */
export function findHdf5(source: ByteSource): number {
  for (let at = 0; at + 8 <= source.size; at = at === 0 ? 512 : at * 2) {
    if (SIGNATURE.equals(source.read(at, 8))) return at
  }
  return -1
}

/**
 * Reads the skeleton of an HDF5 file: groups, attributes with text, links and storage that lead out of the file. Follows
 * the HDF5 File Format Specification 3.0; never opens another file and never decodes a dataset.
 */
export function readHdf5(source: ByteSource): Hdf5Reading {
  return new Hdf5Reader(source).read()
}

class Hdf5Reader {
  readonly #source: ByteSource
  readonly #attributes: Hdf5Attribute[] = []
  readonly #externalLinks: { name: string; target: string; offset: number }[] = []
  readonly #externalStorage: { object: string; kind: 'files' | 'virtual'; offset: number }[] = []
  readonly #names: string[] = []
  readonly #anomalies: Anomaly[] = []
  readonly #visited = new Set<number>()
  readonly #open: { address: number; path: string; depth: number }[] = []
  #base = 0
  #messages = 0
  #textBytes = 0

  constructor(source: ByteSource) {
    this.#source = source
  }

  read(): Hdf5Reading {
    const at = findHdf5(this.#source)
    if (at >= 0) {
      const root = this.#superblock(at)
      if (root !== undefined) this.#open.push({ address: root, path: '', depth: 0 })
      for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
        this.#object(next.address, next.path, next.depth)
      }
    }
    return {
      isHdf5: at >= 0,
      attributes: this.#attributes,
      externalLinks: this.#externalLinks,
      externalStorage: this.#externalStorage,
      objectNames: this.#names,
      anomalies: this.#anomalies,
    }
  }

  #note(code: string, message: string, offset: number, isUnread = true): void {
    if (this.#anomalies.length < 50) this.#anomalies.push({ code, message, offset, isUnread })
  }

  #superblock(at: number): number | undefined {
    const cursor = new Cursor(this.#source, at + 8)
    const version = cursor.u8()
    if (version > 3) {
      this.#note('version', `superblock version ${version} is not read`, at)
      return undefined
    }
    if (version <= 1) cursor.skip(4)
    const offsetBytes = cursor.u8()
    const lengthBytes = cursor.u8()
    if (offsetBytes !== 8 || lengthBytes !== 8) {
      this.#note('sizes', 'addresses are not of 8 bytes', at)
      return undefined
    }
    cursor.skip(version <= 1 ? 9 + (version === 1 ? 4 : 0) : 1)
    // The base address is 0 although a user block stands before; libraries take the superblock's place instead.
    const stated = cursor.u64()
    this.#base = stated === 0 ? at : stated
    cursor.skip(version <= 1 ? 24 + 8 : 16)
    return cursor.u64()
  }

  #object(address: number, path: string, depth: number): void {
    if (address >= UNDEFINED || this.#visited.has(address)) return
    if (this.#visited.size >= MAX_OBJECTS) {
      this.#note('too-many-objects', 'more objects than are read', address)
      return
    }
    if (depth > MAX_DEPTH) {
      this.#note('too-deep', 'groups nest deeper than is read', address)
      return
    }
    this.#visited.add(address)
    this.#names.push(path)
    const at = this.#base + address
    const blocks: { start: number; end: number; isV2: boolean; hasOrder: boolean }[] = []
    const cursor = new Cursor(this.#source, at)
    const first = cursor.bytes(4)
    if (first.toString('latin1') === 'OHDR') {
      cursor.skip(1)
      const flags = cursor.u8()
      cursor.skip(((flags & 0x20) !== 0 ? 16 : 0) + ((flags & 0x10) !== 0 ? 4 : 0))
      const size = this.#sized(cursor, flags & 3)
      const start = cursor.position
      blocks.push({ start, end: start + size, isV2: true, hasOrder: (flags & 4) !== 0 })
    } else if (first[0] === 1) {
      cursor.skip(4)
      const size = cursor.u32()
      blocks.push({ start: at + 16, end: at + 16 + size, isV2: false, hasOrder: false })
    } else {
      this.#note('object-header', 'no object header where one must stand', at)
      return
    }
    for (let index = 0; index < blocks.length && index < 1000; index++) {
      const block = blocks[index]
      if (block === undefined) break
      let position = block.start
      const headerBytes = block.isV2 ? 4 + (block.hasOrder ? 2 : 0) : 8
      while (position + headerBytes <= Math.min(block.end, this.#source.size)) {
        if (++this.#messages > MAX_MESSAGES) {
          this.#note('too-many-messages', 'more messages than are read', position)
          return
        }
        const head = new Cursor(this.#source, position)
        const type = block.isV2 ? head.u8() : head.u16()
        const size = head.u16()
        const flags = head.u8()
        const start = position + headerBytes
        position = start + size
        if (position > block.end) break
        if (type === 0x10) {
          const next = new Cursor(this.#source, start)
          const offset = this.#base + next.u64()
          const length = next.u64()
          if (block.isV2) blocks.push({ ...block, start: offset + 4, end: offset + length - 4 })
          else blocks.push({ ...block, start: offset, end: offset + length })
        } else if ((flags & 2) === 0) {
          this.#message(type, start, size, path, depth)
        } else {
          this.#sharedMessage(type, start)
        }
      }
      if (block.end > this.#source.size) this.#note('truncated', 'an object header ends early', block.start)
    }
  }

  /** Shared messages are data types and spaces; attributes are shared only in a heap of the file, which is not read. */
  #sharedMessage(type: number, offset: number): void {
    if (type === 0x0c)
      this.#note('shared-attribute', 'an attribute kept in a shared heap is not read', offset)
  }

  #message(type: number, start: number, size: number, path: string, depth: number): void {
    const cursor = new Cursor(this.#source, start)
    if (type === 0x11) this.#symbolTable(cursor.u64(), cursor.u64(), path, depth)
    else if (type === 0x06) this.#link(cursor, path, depth)
    else if (type === 0x0c) this.#attribute(start, size, path)
    else if (type === 0x07) this.#externalStorage.push({ object: path, kind: 'files', offset: start })
    else if (type === 0x08) {
      const version = cursor.u8()
      if (version >= 4 && cursor.u8() === 3)
        this.#externalStorage.push({ object: path, kind: 'virtual', offset: start })
    } else if (type === 0x02) {
      cursor.skip(1)
      if ((cursor.u8() & 1) !== 0) cursor.skip(8)
      this.#denseObjects(cursor.u64(), (object) => this.#link(object, path, depth))
    } else if (type === 0x15) {
      cursor.skip(1)
      if ((cursor.u8() & 1) !== 0) cursor.skip(2)
      this.#denseObjects(cursor.u64(), (object) => this.#denseAttribute(object, path))
    }
  }

  #sized(cursor: Cursor, code: number): number {
    return code === 0 ? cursor.u8() : code === 1 ? cursor.u16() : code === 2 ? cursor.u32() : cursor.u64()
  }

  /** False where no link message stands. */
  #link(cursor: Cursor, path: string, depth: number): boolean {
    const start = cursor.position
    if (cursor.u8() !== 1) return false
    const flags = cursor.u8()
    const kind = (flags & 8) !== 0 ? cursor.u8() : 0
    if ((flags & 4) !== 0) cursor.skip(8)
    if ((flags & 0x10) !== 0) cursor.skip(1)
    const nameLength = this.#sized(cursor, flags & 3)
    if (nameLength === 0 || nameLength > 0xffff || nameLength > cursor.remaining) return false
    const name = `${path}/${cursor.bytes(nameLength).toString('utf8')}`
    if (kind === 0) {
      this.#open.push({ address: cursor.u64(), path: name, depth: depth + 1 })
    } else {
      const value = cursor.bytes(cursor.u16())
      if (kind === 64) {
        const [file = '', object = ''] = value.subarray(1).toString('utf8').split('\0')
        this.#externalLinks.push({ name, target: `${file}:${object}`, offset: start })
      } else if (kind > 64) {
        this.#externalLinks.push({ name, target: `user-defined link ${kind}`, offset: start })
      }
    }
    return !cursor.isShort
  }

  #symbolTable(treeAddress: number, heapAddress: number, path: string, depth: number): void {
    const heap = new Cursor(this.#source, this.#base + heapAddress)
    if (heap.bytes(4).toString('latin1') !== 'HEAP') {
      this.#note('local-heap', 'a group has no heap of names', this.#base + heapAddress)
      return
    }
    heap.skip(4)
    const heapBytes = heap.u64()
    heap.skip(8)
    const names = this.#base + heap.u64()
    const nodes = [treeAddress]
    const seen = new Set<number>()
    for (let address = nodes.pop(); address !== undefined; address = nodes.pop()) {
      if (address >= UNDEFINED || seen.has(address) || seen.size > MAX_OBJECTS) continue
      seen.add(address)
      const at = this.#base + address
      const cursor = new Cursor(this.#source, at)
      const signature = cursor.bytes(4).toString('latin1')
      if (signature === 'TREE') {
        cursor.skip(2)
        const count = cursor.u16()
        cursor.skip(16)
        for (let index = 0; index < count && !cursor.isShort; index++) {
          cursor.skip(8)
          nodes.push(cursor.u64())
        }
      } else if (signature === 'SNOD') {
        cursor.skip(2)
        const count = cursor.u16()
        for (let index = 0; index < count && !cursor.isShort; index++) {
          const nameOffset = cursor.u64()
          const address = cursor.u64()
          const cacheType = cursor.u32()
          cursor.skip(20)
          const name = nameOffset < heapBytes ? this.#cString(names + nameOffset) : '?'
          if (cacheType !== 2) this.#open.push({ address, path: `${path}/${name}`, depth: depth + 1 })
        }
      } else {
        this.#note('group-tree', 'a group has a node of no known kind', at)
      }
    }
  }

  /** The objects of a fractal heap lie one after another in its direct blocks, unless some were deleted. */
  #denseObjects(heapAddress: number, take: (cursor: Cursor) => boolean): void {
    if (heapAddress >= UNDEFINED) return
    const at = this.#base + heapAddress
    const cursor = new Cursor(this.#source, at)
    if (cursor.bytes(4).toString('latin1') !== 'FRHP') {
      this.#note('fractal-heap', 'no heap where one must stand', at)
      return
    }
    cursor.skip(5)
    const flags = cursor.u8()
    cursor.skip(4 + 8 * 8)
    const hugeAndTiny = [cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()]
    if (hugeAndTiny[0] !== 0 && hugeAndTiny[0] !== undefined) {
      this.#note('huge-objects', 'objects kept outside their heap are not read', at)
    }
    const width = cursor.u16()
    const startBytes = cursor.u64()
    const maxDirectBytes = cursor.u64()
    const maxHeapBits = cursor.u16()
    cursor.skip(2)
    const root = cursor.u64()
    const rows = cursor.u16()
    const offsetBytes = Math.ceil(maxHeapBits / 8)
    const direct = (address: number, size: number) => {
      const block = this.#base + address
      if (Buffer.from(this.#source.read(block, 4)).toString('latin1') !== 'FHDB') {
        this.#note('fractal-heap', 'no direct block where one must stand', block)
        return
      }
      const object = new Cursor(this.#source, block + 5 + 8 + offsetBytes + ((flags & 2) !== 0 ? 4 : 0))
      while (object.position < block + size && ++this.#messages < MAX_MESSAGES) {
        if (!take(object)) break
      }
    }
    if (root >= UNDEFINED) return
    if (rows === 0) {
      direct(root, startBytes)
      return
    }
    const indirect = new Cursor(this.#source, this.#base + root)
    if (indirect.bytes(4).toString('latin1') !== 'FHIB') {
      this.#note('fractal-heap', 'no indirect block', root)
      return
    }
    indirect.skip(1 + 8 + offsetBytes)
    for (let row = 0; row < rows; row++) {
      const size = startBytes * 2 ** Math.max(0, row - 1)
      if (size > maxDirectBytes) {
        this.#note('fractal-heap', 'a heap of several levels is read only in part', root)
        return
      }
      for (let column = 0; column < Math.min(width, 1024); column++) {
        const address = indirect.u64()
        if (indirect.isShort) return
        if (address < UNDEFINED) direct(address, size)
      }
    }
  }

  #denseAttribute(cursor: Cursor, path: string): boolean {
    const start = cursor.position
    const version = this.#source.read(start, 1)[0] ?? 0
    if (version < 1 || version > 3) return false
    const length = this.#attribute(start, this.#source.size - start, path)
    cursor.position = start + length
    return length > 0
  }

  /** Gives how long the message is. */
  #attribute(start: number, size: number, path: string): number {
    const cursor = new Cursor(this.#source, start)
    const version = cursor.u8()
    if (version < 1 || version > 3) {
      this.#note('attribute', `attributes of version ${version} are not read`, start)
      return 0
    }
    cursor.skip(1)
    const nameBytes = cursor.u16()
    const typeBytes = cursor.u16()
    const spaceBytes = cursor.u16()
    if (version === 3) cursor.skip(1)
    const pad = (length: number) => (version === 1 ? Math.ceil(length / 8) * 8 : length)
    const name = cursor.bytes(nameBytes).toString('utf8').replace(/\0.*$/s, '')
    cursor.skip(pad(nameBytes) - nameBytes)
    const typeAt = cursor.position
    const spaceAt = typeAt + pad(typeBytes)
    const dataAt = spaceAt + pad(spaceBytes)
    const count = this.#elements(spaceAt)
    const type = new Cursor(this.#source, typeAt)
    const classAndVersion = type.u8()
    const bits = type.u8()
    type.skip(2)
    const elementBytes = type.u32()
    const kind = classAndVersion & 15
    const available = Math.min(start + size, this.#source.size) - dataAt
    const dataBytes = count * elementBytes
    if (dataAt + dataBytes > start + size && kind !== 9) {
      this.#note('attribute', 'an attribute ends early', start)
    }
    const texts: string[] = []
    if (kind === 3) {
      for (let index = 0; index < Math.min(count, 100_000); index++) {
        const length = Math.min(elementBytes, available - index * elementBytes)
        if (length <= 0 || !this.#spendText(length, start)) break
        texts.push(
          Buffer.from(this.#source.read(dataAt + index * elementBytes, length))
            .toString('utf8')
            .replace(/\0[\s\S]*$/, ''),
        )
      }
    } else if (kind === 9 && (bits & 15) === 1) {
      for (let index = 0; index < Math.min(count, 100_000); index++) {
        const reference = new Cursor(this.#source, dataAt + index * 16)
        const length = reference.u32()
        const heap = reference.u64()
        const object = reference.u32()
        if (reference.isShort || !this.#spendText(length, start)) break
        const text = this.#globalHeapText(heap, object, length)
        if (text !== undefined) texts.push(text)
      }
    }
    this.#attributes.push({ object: path, name, texts, offset: start })
    return dataAt + dataBytes - start
  }

  #spendText(length: number, offset: number): boolean {
    this.#textBytes += length
    if (this.#textBytes <= MAX_TEXT_BYTES) return true
    this.#note('too-much-text', 'more text in attributes than is read', offset)
    return false
  }

  #elements(spaceAt: number): number {
    const cursor = new Cursor(this.#source, spaceAt)
    const version = cursor.u8()
    const rank = cursor.u8()
    if (version === 1) cursor.skip(6)
    else {
      cursor.skip(1)
      if (cursor.u8() === 2) return 0
    }
    let count = 1
    for (let index = 0; index < rank; index++) count *= cursor.u64()
    return count
  }

  #globalHeapText(address: number, wanted: number, length: number): string | undefined {
    if (address >= UNDEFINED || address === 0) return undefined
    const at = this.#base + address
    const cursor = new Cursor(this.#source, at)
    if (cursor.bytes(4).toString('latin1') !== 'GCOL') {
      this.#note('global-heap', 'a text lies in no heap', at)
      return undefined
    }
    cursor.skip(4)
    const end = at + cursor.u64()
    while (cursor.position + 16 <= end && !cursor.isShort && ++this.#messages < MAX_MESSAGES) {
      const index = cursor.u16()
      cursor.skip(6)
      const size = cursor.u64()
      if (index === wanted) return cursor.bytes(Math.min(size, length)).toString('utf8')
      if (index === 0) break
      cursor.skip(Math.ceil(size / 8) * 8)
    }
    this.#note('global-heap', 'a text is not in its heap', at)
    return undefined
  }

  #cString(at: number): string {
    const bytes = Buffer.from(this.#source.read(at, 1024))
    const end = bytes.indexOf(0)
    return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
  }
}
