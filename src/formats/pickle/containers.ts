import { Float64Column, TripleRows } from './columns.ts'
import { CONTAINER_TYPES, type ContainerValue, type Value } from './values.ts'

const NONE = -1

/**
 * All containers of a stream in a few typed arrays: a container is a chain of runs, a run is a stretch of `cells`.
 * Nothing is freed before the stream ends; the machine's budget bounds it.
 */
export class Containers {
  /** Type, first run, last run. */
  readonly #heads = new TripleRows()
  /** Start in `cells`, length, next run. */
  readonly #runs = new TripleRows()
  readonly #cells = new Float64Column()
  readonly #dropped = new Map<number, number>()

  get count(): number {
    return this.#heads.length
  }

  get cellCount(): number {
    return this.#cells.length
  }

  /** A container of `stack[from..to)`. */
  create(type: number, stack: Float64Column, from: number, to: number): number {
    if (from === to) return this.#heads.push(type, NONE, NONE)
    const run = this.#runs.push(this.#cells.length, to - from, NONE)
    this.#cells.append(stack, from, to)
    return this.#heads.push(type, run, run)
  }

  type(container: number): number {
    return this.#heads.get(container, 0)
  }

  /** Adds `stack[from..to)`. */
  add(container: number, stack: Float64Column, from: number, to: number): void {
    const count = to - from
    if (count === 0) return
    const start = this.#cells.length
    this.#cells.append(stack, from, to)
    const last = this.#heads.get(container, 2)
    if (last !== NONE && this.#runs.get(last, 0) + this.#runs.get(last, 1) === start) {
      this.#runs.set(last, 1, this.#runs.get(last, 1) + count)
      return
    }
    const run = this.#runs.push(start, count, NONE)
    if (last === NONE) this.#heads.set(container, 1, run)
    else this.#runs.set(last, 2, run)
    this.#heads.set(container, 2, run)
  }

  drop(container: number, count: number): void {
    this.#dropped.set(container, (this.#dropped.get(container) ?? 0) + count)
  }

  view(container: number, limit: number): ContainerValue {
    const items: Value[] = []
    let missing = this.#dropped.get(container) ?? 0
    for (let run = this.#heads.get(container, 1); run !== NONE; run = this.#runs.get(run, 2)) {
      const start = this.#runs.get(run, 0)
      const length = this.#runs.get(run, 1)
      const taken = Math.min(length, limit - items.length)
      for (let index = 0; index < taken; index++) items.push(this.#cells.get(start + index))
      missing += length - taken
    }
    return {
      kind: 'container',
      type: CONTAINER_TYPES[this.#heads.get(container, 0)] ?? 'tuple',
      items,
      missing,
    }
  }
}
