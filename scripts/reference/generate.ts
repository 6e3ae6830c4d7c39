import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { referencePages } from './pages.ts'

/** `npm run reference`: writes the generated pages of the documentation; a test fails when they are out of date. */
const folder = join(import.meta.dirname, '../../docs')
for (const [name, text] of await referencePages()) {
  writeFileSync(join(folder, name), text)
  console.log(`docs/${name}`)
}
