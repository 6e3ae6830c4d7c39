import type { Finding, Location } from '../../core/index.ts'
import { findingOf, type Rule } from './report.ts'

/** A hostile file can break a rule a million times; a person needs to read of it a few times. */
const FINDINGS_OF_ONE_RULE = 20

/** Collects the findings about one file, a bounded number for each rule. */
export class FindingList {
  readonly #path: string
  readonly #findings: Finding[] = []
  readonly #counts = new Map<string, number>()

  constructor(path: string) {
    this.#path = path
  }

  add(rule: Rule, message: string, where: Omit<Location, 'path'> = {}, evidence?: string): void {
    const count = (this.#counts.get(rule.id) ?? 0) + 1
    this.#counts.set(rule.id, count)
    if (count > FINDINGS_OF_ONE_RULE) return
    const isLast = count === FINDINGS_OF_ONE_RULE
    const text = isLast ? `${message} (more of this rule are not listed)` : message
    this.#findings.push(findingOf(rule, text, { path: this.#path, ...where }, evidence))
  }

  finish(): Finding[] {
    return this.#findings
  }
}
