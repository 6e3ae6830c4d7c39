import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { referencePages } from '../../scripts/reference/pages.ts'

test('the generated pages of the reference are those that the code generates', async () => {
  for (const [name, text] of await referencePages()) {
    const committed = readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')
    expect(committed, `run: npm run reference (docs/${name})`).toBe(text)
  }
})
