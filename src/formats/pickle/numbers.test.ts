import { describe, expect, test } from 'vitest'
import { isFloatText, parseInt0, parseLong0, parseMemoIndex, parseTwosComplement } from './numbers.ts'

describe('numbers in text opcodes are read as CPython reads them', () => {
  test.each([
    ['0', 0n],
    ['', 0n],
    ['00', false],
    ['01', true],
    ['010', 8n],
    ['0x1F', 31n],
    ['0b101', 5n],
    ['0o17', 15n],
    ['1_000', 1000n],
    [' -3', -3n],
    ['5 ', 5n],
    ['1\0junk', 1n],
    ['08', undefined],
    ['1__0', undefined],
    ['x', undefined],
    ['1.5', undefined],
  ])('INT %j', (line, value) => {
    expect(parseInt0(line)).toBe(value)
  })

  test.each([
    ['12L', 12n],
    ['0x10L', 16n],
    ['7', 7n],
    ['', undefined],
    ['12LL', undefined],
  ])('LONG %j', (line, value) => {
    expect(parseLong0(line)).toBe(value)
  })

  test.each([
    ['7', 7],
    ['1_0', 10],
    ['-1', undefined],
    ['0x1', undefined],
  ])('GET and PUT %j', (line, value) => {
    expect(parseMemoIndex(line)).toBe(value)
  })

  test.each([
    ['1.5', true],
    ['.5', true],
    ['5.', true],
    ['-inf', true],
    ['NaN', true],
    ['1e5', true],
    ['', false],
    ['1e', false],
    ['0x1', false],
  ])('FLOAT %j', (line, isFloat) => {
    expect(isFloatText(line)).toBe(isFloat)
  })

  test.each([
    ['', 0n],
    ['ff', -1n],
    ['ff00', 255n],
    ['0080', -32768n],
  ])('LONG1 %s', (hex, value) => {
    expect(parseTwosComplement(Buffer.from(hex, 'hex'))).toBe(value)
  })

  test('a number of a million digits costs nothing', () => {
    const started = performance.now()
    parseInt0('9'.repeat(1_000_000))
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
