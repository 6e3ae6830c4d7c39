import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding, ManifestFile, Sha256 } from '../../../core/index.ts'
import { type FileReport, verdictOf } from '../report.ts'
import { isUnreadRule } from '../rules.ts'
import { DEFAULT_SCAN_BUDGET, type ScanBudget } from './budget.ts'
import { runJobs } from './pool.ts'
import { type ExaminedFile, unreadable } from './unreadable.ts'
import { type Walked, walk } from './walk.ts'

export interface ScanOptions {
  readonly budget?: Partial<ScanBudget>
  /** `module.name` of globals that the operator vouches for. */
  readonly allowGlobals?: Iterable<string>
  /** Fills `explanation` of each report. */
  readonly isExplained?: boolean
  /** Reports made before, by `cacheKey`, to be taken over for the same bytes. */
  readonly known?: ReadonlyMap<string, FileReport>
  /** Of the worker's heap, in MiB. */
  readonly memoryLimitMiB?: number
  readonly maxFiles?: number
  readonly signal?: AbortSignal
  /** Told a few times a second which file is being read, and how far. */
  readonly onProgress?: (path: string, bytes: number) => void
}

/** One file, or one model folder with all its findings. */
export interface ScannedPath extends ExaminedFile {
  readonly kind: 'file' | 'folder'
  /** The model folder that the file belongs to. */
  readonly folder?: string
}

const MAX_FILES = 1_000_000
const MEMORY_LIMIT_MIB = 384

/**
 * Scans files and folders, in the order given. A folder that is one model is reported as such after its files, with all
 * their findings. Parsing happens in a worker thread with limits; what breaks them is reported as inconclusive.
 */
export async function* scanPaths(
  paths: readonly string[],
  options: ScanOptions = {},
): AsyncGenerator<ScannedPath> {
  const folders = new Map<string, ScannedPath[]>()
  const folderOf = new Map<string, string>()
  const problems: { report: ExaminedFile; folder: string | undefined }[] = []
  async function* jobs(): AsyncGenerator<{ path: string; displayPath: string }> {
    for (const walked of walk(paths, { maxFiles: options.maxFiles ?? MAX_FILES })) {
      if (walked.kind === 'model-folder') folders.set(walked.displayPath, [])
      else if (walked.kind === 'problem') problems.push(problemOf(walked))
      else {
        if (walked.folder !== undefined) folderOf.set(walked.displayPath, walked.folder)
        yield { path: walked.path, displayPath: walked.displayPath }
      }
    }
  }
  const take = (report: ExaminedFile, folder: string | undefined): ScannedPath => {
    const scanned: ScannedPath = { ...report, kind: 'file', ...(folder === undefined ? {} : { folder }) }
    if (folder !== undefined) folders.get(folder)?.push(scanned)
    return scanned
  }
  for await (const report of runJobs(jobs(), poolOptions(options))) {
    const folder = folderOf.get(report.path)
    folderOf.delete(report.path)
    yield take(report, folder)
    for (const problem of problems.splice(0)) yield take(problem.report, problem.folder)
  }
  for (const problem of problems.splice(0)) yield take(problem.report, problem.folder)
  for (const [folder, reports] of folders) yield await folderReport(folder, reports)
}

function poolOptions(options: ScanOptions): Parameters<typeof runJobs>[1] {
  return {
    budget: options.budget ?? {},
    allowGlobals: [...(options.allowGlobals ?? [])],
    isExplained: options.isExplained ?? false,
    known: options.known ?? new Map(),
    timeLimitMs: options.budget?.timeLimitMs ?? DEFAULT_SCAN_BUDGET.timeLimitMs,
    memoryLimitMiB: options.memoryLimitMiB ?? MEMORY_LIMIT_MIB,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onProgress === undefined ? {} : { onBytes: options.onProgress }),
  }
}

function problemOf(walked: Extract<Walked, { kind: 'problem' }>): {
  report: ExaminedFile
  folder: string | undefined
} {
  return { report: unreadable(walked.displayPath, walked.reason), folder: walked.folder }
}

const MAX_FOLDER_FINDINGS = 1_000

/** All findings of a folder's files, each with the file as its outermost member, and the digest of its manifest. */
async function folderReport(folder: string, reports: readonly ScannedPath[]): Promise<ScannedPath> {
  const relative = (path: string) => path.slice(folder.length + 1)
  const findings = reports.flatMap((report) =>
    report.findings.map((finding): Finding => {
      const { member, ...rest } = finding.location
      const file = relative(report.path)
      return {
        ...finding,
        location: { ...rest, path: folder, member: member === undefined ? file : `${file}!/${member}` },
      }
    }),
  )
  const files: ManifestFile[] = []
  for (const report of reports) {
    if (report.sha256 !== undefined) {
      files.push({ path: relative(report.path), sizeBytes: report.sizeBytes, sha256: report.sha256 })
    }
  }
  files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  // Loaded only here: most scans are of files.
  const { manifestId } = await import('../../../crypto/index.ts')
  const sha256: Sha256 = manifestId({ schemaVersion: 1, kind: 'model', files })
  return {
    kind: 'folder',
    path: folder,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    ...(files.length === reports.length ? { sha256 } : {}),
    format: 'folder',
    verdict: verdictOf(findings, isUnreadRule),
    findings: findings.slice(0, MAX_FOLDER_FINDINGS),
    imports: [...new Set(reports.flatMap((report) => report.imports))].sort(),
  }
}

/** What a scan can be given besides a path. */
export type ScanInput =
  | { readonly path: string }
  /** An open regular file; it stays open. */
  | { readonly descriptor: number; readonly name: string }
  /** Bytes as they come; they are kept in a file of their own while they are scanned. */
  | { readonly content: AsyncIterable<Uint8Array>; readonly name: string }

/** Scans one thing. Rejects only when cancelled, or when the source of bytes itself fails. */
export async function scan(input: ScanInput, options: ScanOptions = {}): Promise<ScannedPath> {
  if ('path' in input) return scanOne(input.path, input.path, options)
  if ('descriptor' in input) return scanOne(`/proc/self/fd/${input.descriptor}`, input.name, options)
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-scan-'))
  try {
    const path = join(folder, 'content')
    const file = await open(path, 'wx', 0o600)
    try {
      for await (const piece of input.content) {
        options.signal?.throwIfAborted()
        await file.writeFile(piece)
      }
    } finally {
      await file.close()
    }
    return await scanOne(path, input.name, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function scanOne(path: string, displayPath: string, options: ScanOptions): Promise<ScannedPath> {
  async function* job(): AsyncGenerator<{ path: string; displayPath: string }> {
    yield { path, displayPath }
  }
  for await (const report of runJobs(job(), poolOptions(options))) return { ...report, kind: 'file' }
  return { ...unreadable(displayPath, 'the scan gave no report'), kind: 'file' }
}
