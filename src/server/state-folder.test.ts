import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { beginStateFolder, isStateFolder, openStateFolder, type StateFolder } from './state-folder.ts'

/** A whole first start. */
function createStateFolder(path: string): StateFolder {
  const { folder, finish } = beginStateFolder(path)
  finish()
  return folder
}

describe('a state folder', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'state-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('is made in a directory that is missing, private to its owner', () => {
    const folder = createStateFolder(join(directory, 'new'))
    expect(isStateFolder(folder.path)).toBe(true)
    expect(folder.instance).toMatch(/^[0-9a-f]{16}$/)
  })

  test('keeps its instance when it is opened again', () => {
    const made = createStateFolder(directory)
    expect(openStateFolder(directory).instance).toBe(made.instance)
  })

  test('is not made where something else stands, and nothing is added there', () => {
    writeFileSync(join(directory, 'thesis.docx'), 'precious')
    expect(() => createStateFolder(directory)).toThrow(expect.objectContaining({ code: 'state.foreign' }))
    expect(readdirSync(directory)).toEqual(['thesis.docx'])
  })

  test('is not opened where there is none', () => {
    expect(() => openStateFolder(directory)).toThrow(expect.objectContaining({ code: 'state.missing' }))
  })

  test.each(['', '{', '{"format":"other"}', '{"format":"sallyport-state","version":1,"instance":"../../x"}'])(
    'is foreign when its format file says %j',
    (text) => {
      writeFileSync(join(directory, 'format.json'), text)
      expect(() => openStateFolder(directory)).toThrow(expect.objectContaining({ code: 'state.foreign' }))
    },
  )

  test('is refused when a newer version wrote it', () => {
    writeFileSync(
      join(directory, 'format.json'),
      '{"format":"sallyport-state","version":2,"instance":"0123456789abcdef"}',
    )
    expect(() => openStateFolder(directory)).toThrow(expect.objectContaining({ code: 'state.newer' }))
  })

  test('is refused when others may write to it', () => {
    const folder = createStateFolder(join(directory, 'new'))
    chmodSync(folder.path, 0o777)
    expect(() => openStateFolder(folder.path)).toThrow(expect.objectContaining({ code: 'state.permissions' }))
  })

  test('is not one before its first start was finished, and the next start goes on with it', () => {
    const { folder } = beginStateFolder(directory)
    mkdirSync(folder.keys)
    expect(isStateFolder(directory)).toBe(false)
    expect(() => openStateFolder(directory)).toThrow(expect.objectContaining({ code: 'state.missing' }))
    const again = beginStateFolder(directory)
    again.finish()
    expect(openStateFolder(directory).instance).toBe(folder.instance)
  })
})
