import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sallyport, sallyportJson, temporaryDirectory } from '../support/sallyport-process.ts'

describe('the demo on a new state folder', () => {
  const directory = temporaryDirectory()
  const state = `${directory.path}/state`
  let shown: Record<string, unknown>
  beforeAll(async () => {
    shown = (await sallyportJson(['demo', '--once', '--state', state])) as typeof shown
  })
  afterAll(() => directory.remove())

  test('serves the example and proves the answer', () => {
    expect(shown).toMatchObject({ model: 'income', version: '1', proofVerified: true })
    expect(shown['artifactDigest']).toMatch(/^[0-9a-f]{64}$/)
    expect(shown['workerDigest']).toBe(shown['artifactDigest'])
  })

  test('leaves a log that verifies and holds the exchange', async () => {
    expect(await sallyportJson(['audit', 'verify', '--state', state])).toMatchObject({ isSound: true })
    expect(await sallyportJson(['audit', 'prove', String(shown['eventId']), '--state', state])).toMatchObject(
      {
        event: shown['eventId'],
        proofVerified: true,
      },
    )
  })

  test('reuses the state at the second start', async () => {
    const again = (await sallyportJson(['demo', '--once', '--state', state])) as typeof shown
    expect(again).toMatchObject({
      version: '1',
      artifactDigest: shown['artifactDigest'],
      proofVerified: true,
    })
    expect(again['eventId']).not.toBe(shown['eventId'])
  })

  test('knows what was in force before and after the deployment', async () => {
    const [inForce] = (await sallyportJson(['model', 'which', '--env', 'production', '--state', state])) as {
      artifact: string
      deployedAt: string
    }[]
    expect(inForce?.artifact).toBe(shown['artifactDigest'])
    const before = new Date(Date.parse(inForce?.deployedAt ?? '') - 1).toISOString()
    const at = (time: string) =>
      sallyportJson(['model', 'which', '--env', 'production', '--at', time, '--state', state])
    expect(await at(before)).toEqual([])
    expect(await at(inForce?.deployedAt ?? '')).toMatchObject([{ model: 'income', version: '1' }])
  })

  test('refuses every attack, and the refusals stand in the log', async () => {
    const results = (await sallyportJson(['demo', '--attack', '--state', state])) as {
      attack: string
      refused: boolean
      reason: string
      eventId: string
    }[]
    expect(results.length).toBeGreaterThanOrEqual(10)
    for (const result of results) expect(result, result.attack).toMatchObject({ refused: true })
    const page = (await sallyportJson(['audit', 'show', '--limit', '1000', '--state', state])) as {
      events: { id: string }[]
    }
    const logged = new Set(page.events.map((event) => event.id))
    for (const { eventId } of results) expect(logged).toContain(eventId)
  })

  test('is not harmed by the attacks', async () => {
    expect(await sallyportJson(['model', 'verify', 'income@1', '--state', state])).toMatchObject({
      isSound: true,
    })
    expect(await sallyportJson(['demo', '--once', '--state', state])).toMatchObject({
      version: '1',
      proofVerified: true,
    })
  })

  test('prints each step for people', async () => {
    const { stdout, code } = await sallyport(['demo', '--once', '--state', state])
    expect(code).toBe(0)
    expect(stdout).toContain('served and proven')
  })
})
