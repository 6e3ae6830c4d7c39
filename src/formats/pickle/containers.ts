import { Float64Column, Int32Column } from './columns.ts'
import { CONTAINER_TYPES, type ContainerValue, type Value } from './values.ts'

const NONE = -1

/**
 * All containers of a stream in a few typed arrays: a container is a chain of runs, a run is a stretch of `cells`.
 * Nothing is freed before the stream ends; the machine's budget bounds it.
 */
export class Containers {
  readonly #types = new Int32Column()
  readonly #firstRun = new Int32Column()
  readonly #lastRun = new Int32Column()
  readonly #runStart = new Int32Column()
  readonly #runLength = new Int32Column()
  readonly #nextRun = new Int32Column()
  readonly #cells = new Float64Column()
  readonly #dropped = new Map<number, number>()

  get count(): number {
    return this.#types.length
  }

  get cellCount(): number {
    return this.#cells.length
  }

  create(type: number): number {
    this.#types.push(type)
    this.#firstRun.push(NONE)
    this.#lastRun.push(NONE)
    return this.#types.length - 1
  }

  type(container: number): number {
    return this.#types.get(container)
  }

  /** Adds `stack[from..to)`. */
  add(container: number, stack: Float64Column, from: number, to: number): void {
    const count = to - from
    if (count === 0) return
    const start = this.#cells.length
    this.#cells.append(stack, from, to)
    const last = this.#lastRun.get(container)
    if (last !== NONE && this.#runStart.get(last) + this.#runLength.get(last) === start) {
      this.#runLength.set(last, this.#runLength.get(last) + count)
      return
    }
    const run = this.#runStart.length
    this.#runStart.push(start)
    this.#runLength.push(count)
    this.#nextRun.push(NONE)
    if (last === NONE) this.#firstRun.set(container, run)
    else this.#nextRun.set(last, run)
    this.#lastRun.set(container, run)
  }

  drop(container: number, count: number): void {
    this.#dropped.set(container, (this.#dropped.get(container) ?? 0) + count)
  }

  view(container: number, limit: number): ContainerValue {
    const items: Value[] = []
    let missing = this.#dropped.get(container) ?? 0
    for (let run = this.#firstRun.get(container); run !== NONE; run = this.#nextRun.get(run)) {
      const start = this.#runStart.get(run)
      const length = this.#runLength.get(run)
      const taken = Math.min(length, limit - items.length)
      for (let index = 0; index < taken; index++) items.push(this.#cells.get(start + index))
      missing += length - taken
    }
    return { kind: 'container', type: CONTAINER_TYPES[this.#types.get(container)] ?? 'tuple', items, missing }
  }
}
