import { Float64Column } from './columns.ts'
import type { Value } from './values.ts'

/** Beyond the end by more than this, an index goes to a map: LONG_BINPUT reaches 2^32 with five bytes. */
const MAX_GAP = 1024
/** Holes left in the array by such gaps, over all. */
const MAX_HOLES = 1024 * 1024
const MISSING = Number.NaN

/** The memo of an unpickler. MEMOIZE writes at the number of entries, not after the highest index. */
export class Memo {
  readonly #dense = new Float64Column()
  readonly #sparse = new Map<number, Value>()
  size = 0
  #holes = 0

  /** Entries that cost a multiple of the others. */
  get sparseSize(): number {
    return this.#sparse.size
  }

  /** NaN when there is no entry. */
  get(index: number): Value {
    const value = index < this.#dense.length ? this.#dense.get(index) : MISSING
    return Number.isNaN(value) ? (this.#sparse.get(index) ?? MISSING) : value
  }

  put(index: number, value: Value): void {
    const dense = this.#dense
    if (index === dense.length && this.#sparse.size === 0) {
      dense.push(value)
      this.size++
      return
    }
    if (Number.isNaN(this.get(index))) this.size++
    if (index < dense.length) dense.set(index, value)
    else if (this.#isNear(index)) {
      this.#holes += index - dense.length
      dense.fillTo(index, MISSING)
      dense.push(value)
    } else {
      this.#sparse.set(index, value)
    }
  }

  #isNear(index: number): boolean {
    const gap = index - this.#dense.length
    return gap <= MAX_GAP && this.#holes + gap <= MAX_HOLES && !this.#sparse.has(index)
  }
}
