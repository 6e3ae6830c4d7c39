import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RULES } from './index.ts'

const PAGES = new URL('../../../docs/rules/', import.meta.url)

describe('the rules of the scanner', () => {
  it('have an id each', () => {
    expect(new Set(RULES.map((rule) => rule.id)).size).toBe(RULES.length)
  })

  it.each(RULES.map((rule) => [rule.id, rule] as const))('%s has a page that says what to do', (id, rule) => {
    const page = readFileSync(new URL(`${id}.md`, PAGES), 'utf8')
    expect(page).toContain(`# ${rule.title}\n`)
    expect(page).toContain(`\`${id}\`, severity ${rule.severity}`)
    for (const heading of ['What it is', 'How an attacker uses it', 'What to do']) {
      expect(page).toContain(`## ${heading}\n`)
    }
    for (const reference of rule.references) expect(page).toContain(reference.id)
  })

  it('have no page that belongs to none of them', () => {
    const ids = readdirSync(PAGES)
      .filter((name) => name !== 'README.md')
      .map((name) => name.replace(/\.md$/, ''))
    expect(ids.filter((id) => !RULES.some((rule) => rule.id === id))).toEqual([])
  })
})
