import { Command } from 'commander'
import { SallyportError } from '../core/index.ts'
import { RULES } from '../supply/scan/index.ts'
import { print, printJson, printTable } from './output.ts'

export function rulesCommand(): Command {
  return new Command('rules').argument('[id]', 'one rule').option('--json', 'print JSON').action(run)
}

function run(id: string | undefined, options: { readonly json?: true }): void {
  const rules = RULES.filter((rule) => id === undefined || rule.id === id).toSorted((a, b) =>
    a.id < b.id ? -1 : 1,
  )
  if (rules.length === 0) {
    throw new SallyportError('scan.no-such-rule', `there is no rule ${id}`, {
      kind: 'not-found',
      remedy: 'list all of them with `sallyport rules`',
    })
  }
  if (options.json === true) {
    printJson({
      schemaVersion: 1,
      rules: rules.map((rule) => ({ ...rule, page: `docs/rules/${rule.id}.md` })),
    })
    return
  }
  printTable(
    ['rule', 'severity', 'title', 'references'],
    rules.map((rule) => [
      rule.id,
      rule.isUnread === true ? 'unread' : rule.severity,
      rule.title,
      rule.references.map((reference) => reference.id).join(' '),
    ]),
  )
  if (id !== undefined) print(`docs/rules/${id}.md`)
}
