import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, resolveSecret } from './config.ts'

describe('the configuration', () => {
  let directory: string
  const write = (text: string) => {
    const path = join(directory, 'sallyport.yaml')
    writeFileSync(path, text)
    return path
  }
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'config-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('is closed by default: loopback listeners, a dataset required, nothing inconclusive admitted', () => {
    const config = loadConfig(undefined, {})
    expect(config.gateway.host).toBe('127.0.0.1')
    expect(config.admin.host).toBe('127.0.0.1')
    expect(config.admission).toMatchObject({
      onInconclusive: 'deny',
      requireDataset: true,
      trustedKeys: ['local'],
    })
  })

  test('takes a file, and overrides from the environment over it', () => {
    const path = write('gateway:\n  port: 9000\n  bodyLimitBytes: 2048\n')
    expect(loadConfig(path, { SALLYPORT_GATEWAY_PORT: '9001' }).gateway).toMatchObject({
      port: 9001,
      bodyLimitBytes: 2048,
    })
    expect(loadConfig(path, { SALLYPORT_ENVIRONMENT: 'staging' }).environment).toBe('staging')
  })

  test('names every field that is wrong', () => {
    const path = write('gateway:\n  port: 99999\nadmin:\n  hots: x\n')
    expect(() => loadConfig(path, {})).toThrow(
      expect.objectContaining({
        code: 'config.invalid',
        details: { problems: [expect.stringContaining('gateway.port'), expect.stringContaining('hots')] },
      }),
    )
  })

  test.each(['- a list', 'text', 'a: &x 1\nb: *x', '{', 'gateway: !!js/function x'])('refuses %j', (text) => {
    expect(() => loadConfig(write(text), {})).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^config\./) }),
    )
  })

  test('refuses a file that is not there', () => {
    expect(() => loadConfig(join(directory, 'no.yaml'), {})).toThrow(
      expect.objectContaining({ code: 'config.unreadable' }),
    )
  })

  test('takes secrets only by reference', () => {
    expect(() => loadConfig(write('database:\n  url: postgres://user:hunter2@host/db\n'), {})).toThrow(
      expect.objectContaining({ code: 'config.invalid', message: expect.not.stringContaining('hunter2') }),
    )
  })

  test('finds a secret in the environment or in a file, and names only the reference when it is missing', () => {
    expect(resolveSecret('env:A', { A: 'value' })).toBe('value')
    expect(resolveSecret(`file:${write('secret\n')}`, {})).toBe('secret')
    expect(() => resolveSecret('env:MISSING', {})).toThrow(
      expect.objectContaining({ code: 'config.secret-unavailable' }),
    )
  })
})
