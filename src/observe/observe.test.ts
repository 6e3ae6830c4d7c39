import { describe, expect, test } from 'vitest'
import { type ModelName, SallyportError, type VersionName } from '../core/index.ts'
import { createLogger, type LogFields, Metrics } from './index.ts'

const model = 'income' as ModelName
const version = '1' as VersionName

function sample(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new Error(`there is no ${name} in ${text}`)
  return Number(line.slice(name.length + 1))
}

describe('metrics', () => {
  test('count durations in cumulated buckets, as Prometheus histograms do', async () => {
    const metrics = new Metrics({ processMetrics: false })
    const { requestDuration } = metrics.exchanges(model, version)
    for (const seconds of [0.0001, 0.0002, 0.002, 99]) requestDuration.observe(seconds)
    const text = await metrics.render()
    const name = 'sallyport_request_duration_seconds'
    const bucket = (le: string) => sample(text, `${name}_bucket{model="income",version="1",le="${le}"}`)
    expect(text).toContain(`# TYPE ${name} histogram\n`)
    expect([bucket('0.0001'), bucket('0.00025'), bucket('0.0025'), bucket('30'), bucket('+Inf')]).toEqual([
      1, 2, 3, 3, 4,
    ])
    expect(sample(text, `${name}_count{model="income",version="1"}`)).toBe(4)
    expect(sample(text, `${name}_sum{model="income",version="1"}`)).toBeCloseTo(99.0023)
  })

  test('are the same for a version that is resolved again', async () => {
    const metrics = new Metrics({ processMetrics: false })
    metrics.exchanges(model, version).served()
    metrics.exchanges(model, version).served()
    const name = 'sallyport_requests_total{model="income",version="1",code="ok"}'
    expect(sample(await metrics.render(), name)).toBe(2)
  })

  test('count refusals by code, with and without a model', async () => {
    const metrics = new Metrics({ processMetrics: false })
    metrics.refused('gateway.invalid-input', { model, version })
    metrics.refused('identity.unauthenticated')
    const text = await metrics.render()
    expect(
      sample(text, 'sallyport_requests_total{model="income",version="1",code="gateway.invalid-input"}'),
    ).toBe(1)
    expect(
      sample(text, 'sallyport_requests_total{model="-",version="-",code="identity.unauthenticated"}'),
    ).toBe(1)
  })

  test('stay bounded whatever codes come', async () => {
    const metrics = new Metrics({ processMetrics: false })
    for (let index = 0; index < 5_000; index++) metrics.refused(`made-up-${index}`)
    const lines = (await metrics.render())
      .split('\n')
      .filter((line) => line.startsWith('sallyport_requests_total'))
    expect(lines.length).toBeLessThanOrEqual(257)
  })

  test('read a gauge when they are asked for, and the process where wanted', async () => {
    const metrics = new Metrics({ processMetrics: true })
    let value = 1
    metrics.gauge('things', 'how many things', () => value)
    value = 7
    const text = await metrics.render()
    expect(sample(text, 'sallyport_things')).toBe(7)
    expect(sample(text, 'process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  test('of two gateways do not mix', async () => {
    const metrics = new Metrics({ processMetrics: false })
    metrics.refused('a')
    expect(await new Metrics({ processMetrics: false }).render()).not.toContain('code="a"')
  })
})

describe('the logger', () => {
  function lines(
    write: (logger: ReturnType<typeof createLogger>) => void,
    level: 'info' | 'silent' = 'info',
  ) {
    const texts: string[] = []
    write(createLogger({ level, destination: { write: (text: string) => texts.push(text) } }))
    return texts.map((text): unknown => JSON.parse(text))
  }

  test('writes an event, its time and the fields that are listed', () => {
    const [line] = lines((logger) => logger.info('a model was loaded', { model: 'income', port: 80 }))
    expect(line).toMatchObject({ event: 'a model was loaded', model: 'income', port: 80 })
    expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/))
  })

  test('drops whatever is not listed, and objects in listed fields', () => {
    const smuggled = { authorization: 'canary', body: 'canary', model: { prompt: 'canary' } }
    const [line] = lines((logger) => logger.error('x', smuggled as unknown as LogFields))
    expect(JSON.stringify(line)).not.toContain('canary')
  })

  test('writes of an error its code, kind and frames, never its message', () => {
    const cause = new Error('canary\n    at canary (file.ts:1:1)')
    const error = new SallyportError('a.b', 'canary', { kind: 'internal', remedy: 'canary', cause })
    const [line] = lines((logger) => logger.error('it failed', { error }))
    expect(JSON.stringify(line)).not.toContain('canary')
    expect(line).toMatchObject({ error: { code: 'a.b', kind: 'internal', cause: { name: 'Error' } } })
    expect(JSON.stringify(line)).toContain('observe.test.ts')
  })

  test('writes below its level nothing', () => {
    expect(lines((logger) => logger.debug('x'))).toEqual([])
    expect(lines((logger) => logger.error('x'), 'silent')).toEqual([])
  })
})
