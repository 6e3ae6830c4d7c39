import { describe, expect, test } from 'vitest'
import type { EventInput } from '../audit/index.ts'
import type { EventId } from '../core/index.ts'
import { EvidenceQueue } from './evidence-queue.ts'

const EVENT: EventInput = { type: 'exchange.served' }

/** A queue in front of a log that only counts; `inFlight` is how many requests are being worked on. */
function queueWith(inFlight: number) {
  let appended = 0
  const log = { append: async () => ({ id: `evt_${++appended}` as EventId }) }
  return { queue: new EvidenceQueue(log, () => inFlight), appended: () => appended }
}

describe('an event', () => {
  test('of a lone request, of one of two, or of none goes to the log at once', () => {
    for (const inFlight of [0, 1, 2]) {
      const { queue, appended } = queueWith(inFlight)
      void queue.append(EVENT)
      expect(appended()).toBe(1)
    }
  })

  test('of one of many waits until it is one of half of them', () => {
    const { queue, appended } = queueWith(10)
    for (let count = 1; count < 5; count++) void queue.append(EVENT)
    expect(appended()).toBe(0)
    void queue.append(EVENT)
    expect(appended()).toBe(5)
  })

  test('waits no longer than a moment for requests that take their time', async () => {
    const { queue, appended } = queueWith(10)
    const receipt = queue.append(EVENT)
    expect(appended()).toBe(0)
    expect(await receipt).toEqual({ id: 'evt_1' })
  })

  test('gets its own receipt, in the order in which they came', async () => {
    const { queue } = queueWith(4)
    const receipts = await Promise.all([queue.append(EVENT), queue.append(EVENT), queue.append(EVENT)])
    expect(receipts.map((receipt) => receipt.id)).toEqual(['evt_1', 'evt_2', 'evt_3'])
  })

  test('that the log refuses is refused, and the next one is tried again', async () => {
    let isBroken = true
    const log = {
      append: () =>
        isBroken ? Promise.reject(new Error('no')) : Promise.resolve({ id: 'evt_1' as EventId }),
    }
    const queue = new EvidenceQueue(log, () => 1)
    await expect(queue.append(EVENT)).rejects.toThrow('no')
    isBroken = false
    expect(await queue.append(EVENT)).toEqual({ id: 'evt_1' })
  })
})
