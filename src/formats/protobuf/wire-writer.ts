import { FIXED32, LENGTH, VARINT } from './wire-reader.ts'

/** Writes fields of one message in the protobuf wire format, in the order of the calls: same calls, same bytes. */
export class WireWriter {
  readonly #chunks: Uint8Array[] = []

  /** int32, int64, enum and bool fields. */
  integer(field: number, value: number | bigint): this {
    this.#tag(field, VARINT)
    this.#chunks.push(varint(value))
    return this
  }

  float(field: number, value: number): this {
    this.#tag(field, FIXED32)
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    this.#chunks.push(bytes)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, LENGTH)
    this.#chunks.push(varint(value.length), value)
    return this
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'))
  }

  packedIntegers(field: number, values: readonly (number | bigint)[]): this {
    return this.bytes(field, Buffer.concat(values.map(varint)))
  }

  packedFloats(field: number, values: readonly number[] | Float32Array): this {
    const bytes = Buffer.alloc(values.length * 4)
    values.forEach((value, index) => {
      bytes.writeFloatLE(value, index * 4)
    })
    return this.bytes(field, bytes)
  }

  message(field: number, message: WireWriter): this {
    return this.bytes(field, message.finish())
  }

  finish(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  #tag(field: number, wireType: number): void {
    this.#chunks.push(varint(field * 8 + wireType))
  }
}

/** Negative values take ten bytes, as protobuf has it for int32 and int64. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
