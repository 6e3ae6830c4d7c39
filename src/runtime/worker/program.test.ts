import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PROGRAM_PARTS, workerProgram } from './program.ts'

describe('the program of a worker', () => {
  test('is JavaScript that imports nothing but Node’s own modules and its own parts', () => {
    const { entry, directories } = workerProgram()
    expect(existsSync(entry)).toBe(true)
    for (const directory of directories) {
      for (const file of readdirSync(directory)) {
        expect(file).toMatch(/\.mjs$/)
        const code = readFileSync(join(directory, file), 'utf8')
        const specifiers = [...code.matchAll(/^(?:import|export|\}).* from '([^']+)'$/gm)].map(
          ([, name]) => name,
        )
        expect(
          specifiers.filter((name) => name === undefined || !/^node:|^\.{1,2}\/.*\.mjs$/.test(name)),
        ).toEqual([])
      }
    }
  })

  test('appears whole or not at all, also when it is there already', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-program-'))
    try {
      const target = join(directory, 'program')
      const compile = (source: string) =>
        execFileSync(
          process.execPath,
          ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'compile.ts'), source, target],
          { stdio: 'ignore' },
        )
      expect(() => compile(join(directory, 'nothing'))).toThrow()
      expect(readdirSync(directory)).toEqual([])
      compile(dirname(import.meta.dirname))
      expect(() => compile(dirname(import.meta.dirname))).toThrow()
      expect(readdirSync(directory)).toEqual(['program'])
      expect(readdirSync(target)).toEqual([...PROGRAM_PARTS])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
