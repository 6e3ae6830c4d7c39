import { createHash } from 'node:crypto'
import { SallyportError } from '../../core/index.ts'
import { RULES } from './rules.ts'
import { SCANNER } from './scanner.ts'

const NAME = /^[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+$/
const MAX_NAMES = 100_000

/** One `module.name` a line; `#` begins a comment. Only exact names: a wildcard would let in what nobody has seen. */
export function parseAllowedGlobals(text: string): readonly string[] {
  const names: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const name = line.replace(/#.*$/, '').trim()
    if (name === '') continue
    if (!NAME.test(name) || names.length >= MAX_NAMES) {
      throw new SallyportError(
        'scan.allowed-globals-invalid',
        `line ${index + 1} of the allowed globals is not a name`,
        {
          kind: 'invalid',
          remedy: 'write one exact module.name a line, such as `mypackage.model.Net`',
        },
      )
    }
    names.push(name)
  }
  return names
}

/** Changes whenever the same bytes may be judged differently: rules, version, what is allowed. */
export function scannerDigest(allowed: readonly string[]): string {
  const digest = createHash('sha256').update(`${SCANNER.name} ${SCANNER.version}\n`)
  for (const rule of RULES) digest.update(`${rule.id} ${rule.severity} ${rule.isUnread === true}\n`)
  for (const name of [...allowed].sort()) digest.update(`${name}\n`)
  return digest.digest('hex')
}
