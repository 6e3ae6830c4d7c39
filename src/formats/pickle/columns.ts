/** Numbers in a typed array that grows. */
export class Float64Column {
  #cells = new Float64Array(1024)
  length = 0

  get(index: number): number {
    return this.#cells[index] ?? Number.NaN
  }

  set(index: number, value: number): void {
    this.#cells[index] = value
  }

  push(value: number): void {
    if (this.length === this.#cells.length) this.#reserve(this.length + 1)
    this.#cells[this.length++] = value
  }

  /** The last cell, taken off. The caller has checked that there is one. */
  pop(): number {
    return this.#cells[--this.length] ?? Number.NaN
  }

  /** Appends `cells[from..to)` of another column. */
  append(other: Float64Column, from: number, to: number): void {
    const count = to - from
    if (this.length + count > this.#cells.length) this.#reserve(this.length + count)
    const target = this.#cells
    const source = other.#cells
    if (count > 32) target.set(source.subarray(from, to), this.length)
    else for (let index = 0; index < count; index++) target[this.length + index] = source[from + index] ?? 0
    this.length += count
  }

  /** Grows to `length`, filling with `value`. */
  fillTo(length: number, value: number): void {
    if (length > this.#cells.length) this.#reserve(length)
    if (length > this.length) this.#cells.fill(value, this.length, length)
    this.length = Math.max(this.length, length)
  }

  #reserve(length: number): void {
    const grown = new Float64Array(Math.max(length, 2 * this.#cells.length))
    grown.set(this.#cells)
    this.#cells = grown
  }
}

/** Rows of three integers in one typed array that grows. */
export class TripleRows {
  #cells = new Int32Array(3 * 1024)
  #used = 0

  get length(): number {
    return this.#used / 3
  }

  get(row: number, column: 0 | 1 | 2): number {
    return this.#cells[row * 3 + column] ?? 0
  }

  set(row: number, column: 0 | 1 | 2, value: number): void {
    this.#cells[row * 3 + column] = value
  }

  /** Appends a row and gives its index. */
  push(first: number, second: number, third: number): number {
    const at = this.#used
    if (at + 3 > this.#cells.length) {
      const grown = new Int32Array(this.#cells.length * 2)
      grown.set(this.#cells)
      this.#cells = grown
    }
    const cells = this.#cells
    cells[at] = first
    cells[at + 1] = second
    cells[at + 2] = third
    this.#used = at + 3
    return at / 3
  }
}
