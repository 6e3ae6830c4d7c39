/** Numbers in a typed array that grows. */
export class Float64Column {
  #cells = new Float64Array(64)
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
    const grown = new Float64Array(Math.max(length, Math.ceil(this.#cells.length * 1.6)))
    grown.set(this.#cells)
    this.#cells = grown
  }
}

export class Int32Column {
  #cells = new Int32Array(64)
  length = 0

  get(index: number): number {
    return this.#cells[index] ?? 0
  }

  set(index: number, value: number): void {
    this.#cells[index] = value
  }

  push(value: number): void {
    if (this.length === this.#cells.length) {
      const grown = new Int32Array(Math.ceil(this.#cells.length * 1.6))
      grown.set(this.#cells)
      this.#cells = grown
    }
    this.#cells[this.length++] = value
  }
}
