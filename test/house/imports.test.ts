import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findHouseViolations, WINGS } from './house.ts'

describe('the house', () => {
  test('every import goes down the list of wings and through an index.ts', () => {
    expect(findHouseViolations(join(import.meta.dirname, '../../src'))).toEqual([])
  })
})

describe('the house rules', () => {
  let root: string
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'house-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  test('allow an import of a lower wing through its index.ts', () => {
    put('gateway/index.ts', "import { x } from '../core/index.ts'\nexport { x }\n")
    put('core/index.ts', 'export const x = 1\n')
    expect(findHouseViolations(root)).toEqual([])
  })

  test('refuse an import that goes up', () => {
    put('core/index.ts', "export { y } from '../gateway/index.ts'\n")
    put('gateway/index.ts', 'export const y = 1\n')
    expect(findHouseViolations(root)).toMatchObject([{ file: 'core/index.ts', rule: 'upward' }])
  })

  test('refuse an upward type import, a dynamic import and a side-effect import', () => {
    put('gateway/index.ts', 'export const y = 1\n')
    put('core/index.ts', '')
    put('core/a.ts', "import type {\n  Y,\n} from '../gateway/index.ts'\n")
    put('core/b.ts', "const y = await import('../gateway/index.ts')\n")
    put('core/c.ts', "import '../gateway/index.ts'\n")
    expect(findHouseViolations(root).map((violation) => violation.rule)).toEqual([
      'upward',
      'upward',
      'upward',
    ])
  })

  test('refuse an import that reaches past an index.ts', () => {
    put('gateway/index.ts', "import { x } from '../core/secret.ts'\nexport { x }\n")
    put('core/index.ts', '')
    put('core/secret.ts', 'export const x = 1\n')
    expect(findHouseViolations(root)).toMatchObject([{ file: 'gateway/index.ts', rule: 'past-index' }])
  })

  test('refuse a wing without an index.ts, and a folder that is no wing', () => {
    put('gateway/part.ts', '')
    put('helpers/index.ts', '')
    expect(
      findHouseViolations(root)
        .map((violation) => violation.rule)
        .sort(),
    ).toEqual(['no-index', 'unknown-wing'])
  })

  test('know every wing once', () => {
    expect(new Set(WINGS).size).toBe(WINGS.length)
  })
})
