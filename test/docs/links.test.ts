import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

test('every relative link of the documentation leads to a file that is there', () => {
  const listing = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'],
    { cwd: ROOT, encoding: 'utf8' },
  )
  const broken: string[] = []
  for (const page of listing.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    for (const [, target = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      const path = target.replace(/#.*$/, '')
      if (path === '' || /^[a-z]+:/.test(path)) continue
      if (!existsSync(join(ROOT, dirname(page), path))) broken.push(`${page}: ${target}`)
    }
  }
  expect(broken).toEqual([])
})
