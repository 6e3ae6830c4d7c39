import type { Finding, Severity } from '../../../core/index.ts'
import type { ByteSource, StreamEnd } from '../../../formats/index.ts'
import { type Codec, decompress, decompressSmall, memorySource } from '../../../formats/index.ts'
import { findingOf, type Rule } from '../report.ts'
import { ruleById } from '../rules.ts'
import type { Blob } from './blob.ts'
import type { ScanBudget } from './budget.ts'
import { Spool } from './spool.ts'

export interface ExaminationOptions {
  readonly budget: ScanBudget
  /** `module.name` of globals that the operator vouches for. */
  readonly allowGlobals: ReadonlySet<string>
  /** Says what each pickle does, besides what is wrong with it. */
  readonly isExplained?: boolean
  /** Milliseconds on the monotonic clock. */
  readonly monotonicMs: () => number
}

/** Something seen: which rule, in which blob, where. */
export interface Sighting {
  readonly message: string
  readonly offset?: number
  readonly evidence?: string
  readonly severity?: Severity
}

/** One file being examined: what it may still cost and what was found. */
export class Examination {
  readonly options: ExaminationOptions
  readonly path: string
  readonly fileBytes: number
  readonly findings: Finding[] = []
  /** What the outermost blob turned out to be. */
  readonly formats: string[] = []
  /** Globals that pickles of the file import, as `module.name`. */
  readonly imports = new Set<string>()
  /** Lines for people about each pickle of the file. */
  readonly explanation: string[] = []
  #expandedBytes = 0
  #blobs = 0
  readonly #seen = new Set<string>()
  readonly #deadline: number

  constructor(path: string, fileBytes: number, options: ExaminationOptions) {
    this.path = path
    this.fileBytes = fileBytes
    this.options = options
    this.#deadline = options.monotonicMs() + options.budget.timeLimitMs
  }

  get deadlineMs(): number {
    return this.#deadline
  }

  report(rule: string, blob: Blob, sighting: Sighting): void {
    this.reportRule(ruleById(rule), blob, sighting)
  }

  reportRule(rule: Rule, blob: Blob, sighting: Sighting): void {
    const key = `${rule.id}\n${blob.member ?? ''}\n${sighting.offset ?? ''}\n${sighting.message}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    if (this.findings.length >= this.options.budget.maxFindings) {
      // What weighs more than the lightest finding kept still gets in.
      if (rule.isUnread === true || sighting.severity === 'info') return
      const lightest = this.findings.findIndex(
        (finding) => finding.severity === 'info' || finding.severity === 'low',
      )
      if (lightest < 0) return
      this.findings.splice(lightest, 1)
    }
    const finding = findingOf(
      rule,
      sighting.message,
      {
        path: this.path,
        ...(blob.member === undefined ? {} : { member: blob.member }),
        ...(sighting.offset === undefined ? {} : { offset: sighting.offset }),
      },
      sighting.evidence,
    )
    this.findings.push(
      sighting.severity === undefined ? finding : { ...finding, severity: sighting.severity },
    )
  }

  /** A finding of a reader that makes its own, placed in the member it was made in. */
  take(finding: Finding, blob: Blob): void {
    const rule = ruleById(finding.rule)
    this.reportRule(rule, blob, {
      message: finding.message,
      severity: finding.severity,
      ...(finding.location.offset === undefined ? {} : { offset: finding.location.offset }),
      ...(finding.evidence === undefined ? {} : { evidence: finding.evidence }),
    })
  }

  /** False, with a finding, once the file holds more blobs than are examined or takes longer than it may. */
  admit(blob: Blob): boolean {
    if (blob.depth > this.options.budget.maxDepth) {
      this.report('archive.too-deep', blob, { message: 'containers are nested deeper than is read' })
      return false
    }
    if (this.options.monotonicMs() > this.#deadline) {
      this.report('scan.time-limit', blob, { message: 'examining the file took longer than it may' })
      return false
    }
    if (++this.#blobs <= this.options.budget.maxBlobs) return true
    if (this.#blobs === this.options.budget.maxBlobs + 1) {
      this.report('archive.too-many-members', blob, {
        message: 'the file holds more members than are examined',
      })
    }
    return false
  }

  /**
   * Expands a stream and hands what came out to `use`, also when the stream breaks: loaders act on what comes before a
   * break. Gives how it ended.
   */
  async expand(
    blob: Blob,
    source: ByteSource,
    codec: Codec,
    use: (expanded: ByteSource, end: StreamEnd) => Promise<void>,
    maxBytes = Number.POSITIVE_INFINITY,
  ): Promise<StreamEnd> {
    const { budget } = this.options
    const small = decompressSmall(source, codec, Math.min(2 * 1024 * 1024, maxBytes))
    if (small !== undefined) {
      this.#expandedBytes += small.bytes.length
      const end = { problem: undefined, consumed: small.consumed }
      await use(memorySource(small.bytes), end)
      return end
    }
    const spool = new Spool()
    const end: StreamEnd = { problem: undefined, consumed: 0 }
    try {
      for await (const piece of decompress(source, codec, end)) {
        spool.write(piece)
        this.#expandedBytes += piece.length
        if (spool.size >= maxBytes) break
        const allowed = Math.max(budget.freeExpandedBytes, this.fileBytes * budget.maxRatio)
        if (this.#expandedBytes > allowed) {
          this.report('archive.bomb', blob, {
            message: `compressed data grows past ${budget.maxRatio} times its size`,
          })
          end.problem = 'the budget is spent'
          break
        }
        if (this.#expandedBytes > budget.maxExpandedBytes || this.options.monotonicMs() > this.#deadline) {
          this.report('archive.too-large', blob, { message: 'compressed data grows past what is examined' })
          end.problem = 'the budget is spent'
          break
        }
      }
      await use(spool.source(), end)
      return end
    } finally {
      spool.close()
    }
  }
}
