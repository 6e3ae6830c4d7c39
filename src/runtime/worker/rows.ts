import type { Tensor, TensorData } from '../../core/index.ts'

/** How many rows a call has: the first dimension of all its inputs; 0 when they differ or there is none. */
export function rowsOf(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : 0
}

/** True when the inputs of both calls differ in their rows only. */
export function canJoin(left: readonly Tensor[], right: readonly Tensor[]): boolean {
  return left.every(({ shape }, index) => {
    const other = right[index]?.shape ?? []
    return (
      shape.length === other.length &&
      shape.every((dimension, axis) => axis === 0 || dimension === other[axis])
    )
  })
}

/** The calls' inputs one below the other. All calls have the same inputs and pass `canJoin`. */
export function joinRows(calls: readonly (readonly Tensor[])[], rows: number): Tensor[] {
  const first = calls[0] ?? []
  return first.map(({ name, datatype, shape }, index) => ({
    name,
    datatype,
    shape: [rows, ...shape.slice(1)],
    data: joinData(calls.flatMap((inputs) => inputs.slice(index, index + 1).map(({ data }) => data))),
  }))
}

/** The first row alone of inputs with `rows` rows. */
export function firstRow(inputs: readonly Tensor[], rows: number): Tensor[] {
  return inputs.map(({ name, datatype, shape, data }) => ({
    name,
    datatype,
    shape: [1, ...shape.slice(1)],
    data: data.slice(0, data.length / rows),
  }))
}

/** Takes outputs apart again, a list of outputs for each call; undefined when they do not have that many rows. */
export function splitRows(
  outputs: readonly Tensor[],
  rowsOfCalls: readonly number[],
): Tensor[][] | undefined {
  const rows = rowsOfCalls.reduce((sum, count) => sum + count, 0)
  if (rowsOf(outputs) !== rows) return undefined
  let begin = 0
  return rowsOfCalls.map((count) => {
    const end = begin + count
    const part = outputs.map(({ name, datatype, shape, data }) => {
      const width = data.length / rows
      return {
        name,
        datatype,
        shape: [count, ...shape.slice(1)],
        data: data.slice(begin * width, end * width),
      }
    })
    begin = end
    return part
  })
}

function joinData(parts: readonly TensorData[]): TensorData {
  const [first] = parts
  if (first === undefined || isTexts(first)) return parts.flatMap((part) => (isTexts(part) ? part : []))
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (isTexts(part) ? 0 : part.byteLength), 0))
  let offset = 0
  for (const part of parts) {
    if (isTexts(part)) continue
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset)
    offset += part.byteLength
  }
  // A view of the first part's own kind over all of the bytes.
  const View = first.constructor as new (buffer: ArrayBuffer) => Exclude<TensorData, readonly string[]>
  return new View(bytes.buffer)
}

function isTexts(data: TensorData): data is readonly string[] {
  return Array.isArray(data)
}
