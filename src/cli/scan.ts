import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { isAtLeast, SallyportError, SEVERITIES, type Severity, systemClock } from '../core/index.ts'
import {
  parseAllowedGlobals,
  parseSuppressions,
  RULES,
  readScanCache,
  SCANNER,
  type ScannedPath,
  type SuppressedReport,
  scannerDigest,
  scanPaths,
  suppress,
  toJson,
  toJUnit,
  toSarif,
  writeScanCache,
} from '../supply/scan/index.ts'
import { EXIT, print, printable } from './output.ts'

interface Options {
  readonly json?: true
  readonly sarif?: true
  readonly junit?: true
  readonly output?: string
  readonly explain?: true
  readonly failOn: Severity
  readonly allowGlobals?: string
  readonly suppress?: string
  readonly since?: string
  readonly timeLimit: number
  readonly maxFiles: number
  readonly progress: boolean
}

type Result = SuppressedReport<ScannedPath>

export function scanCommand(): Command {
  return new Command('scan')
    .argument('<path...>', 'model files, or folders of them')
    .addOption(new Option('--json', 'print one JSON document').conflicts(['sarif', 'junit']))
    .addOption(new Option('--sarif', 'print SARIF 2.1.0').conflicts('junit'))
    .option('--junit', 'print JUnit XML')
    .option('--output <file>', 'write the document to a file and the summary to the terminal')
    .option('--explain', 'print what each pickle imports and calls, with the disassembly around each finding')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity up')
        .choices(SEVERITIES)
        .default('low'),
    )
    .option('--allow-globals <file>', 'globals that you vouch for, one module.name a line')
    .option('--suppress <file>', 'findings that you accept, each with a reason and an expiry')
    .option('--since <file>', 'take over reports of unchanged files from this cache, and keep it up to date')
    .option('--time-limit <seconds>', 'for one file', positive, 300)
    .option('--max-files <count>', 'of one run', positive, 1_000_000)
    .option('--no-progress', 'do not show what is being read')
    .action(run)
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 up')
  return value
}

async function run(paths: readonly string[], options: Options): Promise<void> {
  const allowed =
    options.allowGlobals === undefined ? [] : parseAllowedGlobals(readText(options.allowGlobals))
  const suppressions =
    options.suppress === undefined ? [] : await parseSuppressions(readText(options.suppress))
  const rules = scannerDigest(allowed)
  // What is explained has to be read again.
  const isKnown = options.since !== undefined && options.explain !== true
  const known = isKnown ? await readScanCache(options.since, rules) : new Map()
  const isDocument = options.json === true || options.sarif === true || options.junit === true
  const isText = !isDocument || options.output !== undefined
  const progress = progressLine(options.progress && process.stderr.isTTY)
  const cancel = new AbortController()
  const stop = () => cancel.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const results: Result[] = []
  const tally = { clean: 0, findings: 0, inconclusive: 0, unreadable: 0 }
  let isFailing = false
  try {
    const reports = scanPaths(paths, {
      allowGlobals: allowed,
      isExplained: options.explain === true,
      known,
      maxFiles: options.maxFiles,
      budget: { timeLimitMs: options.timeLimit * 1000 },
      signal: cancel.signal,
      onProgress: progress.show,
    })
    for await (const report of reports) {
      const result = suppress(report, suppressions, systemClock.now())
      if (report.kind === 'file') count(result.report, tally)
      isFailing ||=
        result.report.verdict === 'findings' &&
        result.report.findings.some((finding) => isAtLeast(finding.severity, options.failOn))
      // A million clean files need no memory of each, unless each has its place in a document.
      if (isDocument || options.since !== undefined) results.push(result)
      progress.clear()
      if (isText) printReport(result)
      if (options.explain === true && report.kind === 'file') explain(result.report)
    }
  } catch (thrown) {
    if (!cancel.signal.aborted) throw thrown
    process.stderr.write('sallyport: the scan was stopped\n')
    process.exitCode = EXIT.error
    return
  } finally {
    progress.clear()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
  if (options.since !== undefined) {
    await writeScanCache(
      options.since,
      rules,
      results.map(({ report }) => report).filter((report) => report.kind === 'file'),
    )
  }
  if (isDocument) emit(document(results, options), options.output)
  if (isText) {
    print(
      `${tally.clean} clean, ${tally.findings} with findings, ${tally.inconclusive} inconclusive, ${tally.unreadable} unreadable`,
    )
  }
  process.exitCode = exitCode(tally, isFailing)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new SallyportError('scan.option-file-unreadable', `${path} cannot be read`, {
      kind: 'invalid',
      remedy: 'check the path and its permissions',
      cause: thrown,
    })
  }
}

interface Tally {
  clean: number
  findings: number
  inconclusive: number
  unreadable: number
}

function count(report: ScannedPath, tally: Tally): void {
  if (report.findings.some((finding) => finding.rule === 'scan.unreadable-file')) tally.unreadable++
  else tally[report.verdict]++
}

function exitCode(tally: Tally, isFailing: boolean): number {
  if (isFailing) return EXIT.findings
  if (tally.unreadable > 0) return EXIT.error
  return tally.inconclusive > 0 ? EXIT.inconclusive : EXIT.clean
}

function document(results: readonly Result[], options: Options): string {
  // A folder stands before its files.
  const sorted = results.toSorted((a, b) => order(a.report) - order(b.report))
  if (options.sarif === true) return `${JSON.stringify(toSarif(sorted, RULES, SCANNER), null, 2)}\n`
  if (options.junit === true) return toJUnit(sorted)
  return `${JSON.stringify(toJson(sorted, SCANNER), null, 2)}\n`
}

function order(report: ScannedPath): number {
  return report.kind === 'folder' ? 0 : 1
}

function emit(text: string, path: string | undefined): void {
  if (path === undefined) process.stdout.write(text)
  else writeFileSync(path, text)
}

function printReport({ report, suppressed }: Result): void {
  if (report.kind === 'folder') {
    print(`${report.verdict.padEnd(12)} ${printable(report.path)}/ (the folder as one model)`)
    return
  }
  print(`${report.verdict.padEnd(12)} ${printable(report.path)}`)
  for (const { rule, severity, message, location, evidence } of report.findings) {
    const where = [location.member, location.offset === undefined ? undefined : `byte ${location.offset}`]
    const place = where.filter((part) => part !== undefined).join(', ')
    print(
      `  ${severity.padEnd(8)} ${rule}: ${printable(message)}${place === '' ? '' : ` [${printable(place)}]`}`,
    )
    if (evidence !== undefined) print(`           ${printable(evidence)}`)
  }
  for (const { finding, reason, expires } of suppressed) {
    print(`  accepted ${finding.rule} until ${expires}: ${printable(reason)}`)
  }
}

function explain(report: ScannedPath): void {
  for (const line of report.explanation ?? []) print(`    ${printable(line)}`)
}

/** One line on standard error that says what is being read; nothing where there is no terminal. */
function progressLine(isShown: boolean): { show: (path: string, bytes: number) => void; clear: () => void } {
  let hasLine = false
  return {
    show(path, bytes) {
      if (!isShown) return
      hasLine = true
      const text = `reading ${printable(path)} ${(bytes / 1e6).toFixed(0)} MB`
      process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
    },
    clear() {
      if (hasLine) process.stderr.write('\r\u001b[K')
      hasLine = false
    },
  }
}
