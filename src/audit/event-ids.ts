import { randomFillSync } from 'node:crypto'
import type { EventId } from '../core/index.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const PATTERN = /^evt_[0-9a-hjkmnp-tv-z]{26}$/

// Ten bits at a time: two characters a look-up.
const PAIRS = Array.from(
  { length: 1024 },
  (_, value) => ALPHABET.charAt(value >> 5) + ALPHABET.charAt(value & 31),
)
const HALF = 2 ** 40

export function isEventId(text: string): text is EventId {
  return PATTERN.test(text)
}

/**
 * Makes the ids of one log: in the layout of `newEventId` (48 bits of milliseconds, 80 random bits, Crockford base 32)
 * and strictly rising, even within one millisecond and when the clock steps back. An event is therefore found by binary
 * search, and the log needs no index by id.
 */
export class EventIdSequence {
  #time = -1
  #timeText = ''
  // The 80 random bits as two numbers of 40.
  #high = 0
  #low = 0
  readonly #random = new Uint32Array(256)
  #used = 256

  /** @param last the newest id in the log, if any */
  constructor(last: EventId | undefined) {
    if (last === undefined) return
    const digits = last.slice('evt_'.length)
    this.#setTime(decode(digits.slice(0, 10)))
    this.#high = decode(digits.slice(10, 18))
    this.#low = decode(digits.slice(18))
  }

  next(epochMs: number): EventId {
    if (epochMs > this.#time) {
      this.#setTime(epochMs)
      // The top bit stays clear, so that a millisecond has room for more ids after the first.
      this.#high = (this.#draw() >>> 1) * 2 ** 8 + (this.#draw() >>> 24)
      this.#low = this.#draw() * 2 ** 8 + (this.#draw() >>> 24)
    } else {
      this.#low += 1 + this.#draw()
      if (this.#low >= HALF) {
        this.#low -= HALF
        this.#high++
      }
      if (this.#high >= HALF) {
        this.#high = 0
        this.#setTime(this.#time + 1)
      }
    }
    return `evt_${this.#timeText}${encode40(this.#high)}${encode40(this.#low)}` as EventId
  }

  #setTime(epochMs: number): void {
    this.#time = epochMs
    // 48 bits in ten characters, as in a ULID: the first carries three.
    this.#timeText = encode10(Math.floor(epochMs / HALF)) + encode40(epochMs % HALF)
  }

  #draw(): number {
    if (this.#used === this.#random.length) {
      randomFillSync(this.#random)
      this.#used = 0
    }
    return this.#random[this.#used++] ?? 0
  }
}

function encode10(value: number): string {
  return PAIRS[value] ?? ''
}

function encode40(value: number): string {
  const high = Math.floor(value / 2 ** 20)
  const low = value % 2 ** 20
  return encode10(high >>> 10) + encode10(high & 1023) + encode10(low >>> 10) + encode10(low & 1023)
}

function decode(digits: string): number {
  let value = 0
  for (const digit of digits) value = value * 32 + ALPHABET.indexOf(digit)
  return value
}
