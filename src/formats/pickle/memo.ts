import type { Value } from './values.ts'

/** Beyond the end by more than this, an index goes to a map: LONG_BINPUT reaches 2^32 with five bytes. */
const MAX_GAP = 65_536

/** The memo of an unpickler. MEMOIZE writes at the number of entries, not after the highest index. */
export class Memo {
  readonly #dense: (Value | undefined)[] = []
  readonly #sparse = new Map<number, Value>()
  size = 0

  get(index: number): Value | undefined {
    return index < this.#dense.length
      ? (this.#dense[index] ?? this.#sparse.get(index))
      : this.#sparse.get(index)
  }

  put(index: number, value: Value): void {
    const dense = this.#dense
    if (index < dense.length) {
      if (dense[index] === undefined && !this.#sparse.has(index)) this.size++
      dense[index] = value
    } else if (index <= dense.length + MAX_GAP && !this.#sparse.has(index)) {
      while (dense.length < index) dense.push(undefined)
      dense.push(value)
      this.size++
    } else {
      if (!this.#sparse.has(index)) this.size++
      this.#sparse.set(index, value)
    }
  }

  memoize(value: Value): void {
    this.put(this.size, value)
  }
}
