import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  parseAllowedGlobals,
  parseSuppressions,
  readScanCache,
  scannerDigest,
  suppress,
  writeScanCache,
} from '../index.ts'
import { cacheKey } from './jobs.ts'
import { runJobs } from './pool.ts'
import { type ScannedPath, type ScanOptions, scan, scanPaths } from './scan.ts'
import { buildZip } from './testing/build-zip.ts'

const EVIL = Buffer.from('cposix\nsystem\n(Vtrue\ntR.')
const GOOD = Buffer.from('80027d2e', 'hex')

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sallyport-scan-test-'))
  writeFileSync(join(root, 'good.pkl'), GOOD)
  writeFileSync(join(root, 'evil.pkl'), EVIL)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function all(paths: readonly string[], options: ScanOptions = {}): Promise<ScannedPath[]> {
  const reports: ScannedPath[] = []
  for await (const report of scanPaths(paths, options)) reports.push(report)
  return reports
}

describe('a scan of paths', () => {
  test('gives each file its digest and its verdict', async () => {
    const [good, evil] = await all([join(root, 'good.pkl'), join(root, 'evil.pkl')])
    expect(good).toMatchObject({ verdict: 'clean', sha256: createHash('sha256').update(GOOD).digest('hex') })
    expect(evil).toMatchObject({ verdict: 'findings', imports: ['posix.system'] })
  })

  test('says what a pickle calls, when it is asked', async () => {
    const [evil] = await all([join(root, 'evil.pkl')], { isExplained: true })
    expect(evil?.explanation).toEqual(
      expect.arrayContaining(['import posix.system', 'call   posix.system("true")', '> 22 REDUCE']),
    )
  })

  test('reports what cannot be read and scans the rest', async () => {
    const pipe = join(root, 'pipe.pkl')
    execFileSync('mkfifo', [pipe])
    symlinkSync(join(root, 'loop-b'), join(root, 'loop-a'))
    symlinkSync(join(root, 'loop-a'), join(root, 'loop-b'))
    const paths = ['missing.pkl', 'pipe.pkl', 'loop-a', 'evil.pkl'].map((name) => join(root, name))
    const reports = await all([...paths, '/dev/zero'])
    const verdicts = new Map(reports.map((report) => [report.path, report]))
    for (const path of [...paths.slice(0, 3), '/dev/zero']) {
      expect(verdicts.get(path)).toMatchObject({
        verdict: 'inconclusive',
        findings: [{ rule: 'scan.unreadable-file' }],
      })
    }
    expect(verdicts.get(join(root, 'evil.pkl'))).toMatchObject({ verdict: 'findings' })
  })

  test('reports files without permission', async () => {
    // The superuser reads everything.
    if (process.getuid?.() === 0) return
    const path = join(root, 'secret.pkl')
    writeFileSync(path, GOOD)
    chmodSync(path, 0)
    expect(await all([path])).toMatchObject([{ verdict: 'inconclusive' }])
  })

  test('walks folders, links in a circle too, and stops at the most files it may read', async () => {
    const folder = join(root, 'folder')
    mkdirSync(join(folder, 'inner'), { recursive: true })
    for (let index = 0; index < 40; index++) writeFileSync(join(folder, 'inner', `${index}.pkl`), GOOD)
    symlinkSync(folder, join(folder, 'inner', 'again'))
    const reports = await all([folder])
    expect(reports.filter((report) => report.verdict === 'clean')).toHaveLength(40)
    expect(reports.filter((report) => report.verdict === 'inconclusive')).toHaveLength(1)
    const few = await all([folder], { maxFiles: 10 })
    expect(few.filter((report) => report.verdict === 'clean')).toHaveLength(10)
    expect(few.some((report) => report.findings[0]?.message.includes('more than 10 files'))).toBe(true)
  })

  test('gives one verdict for a model folder besides those of its files', async () => {
    const folder = join(root, 'model')
    mkdirSync(folder)
    writeFileSync(join(folder, 'config.json'), '{"model_type": "bert"}')
    writeFileSync(join(folder, 'pytorch_model.bin'), EVIL)
    const reports = await all([folder])
    const whole = reports.find((report) => report.kind === 'folder')
    expect(whole).toMatchObject({ path: folder, verdict: 'findings' })
    expect(whole?.findings[0]?.location.member).toBe('pytorch_model.bin')
    expect(whole?.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test('breaks off a file that takes too long and goes on with the next', async () => {
    const slow = join(root, 'slow.zip')
    writeFileSync(
      slow,
      buildZip([{ name: 'zeros', content: Buffer.alloc(64 * 1024 * 1024), isDeflated: true }]),
    )
    const reports = await all([slow, join(root, 'evil.pkl')], { budget: { timeLimitMs: 1 } })
    expect(reports).toMatchObject([{ verdict: 'inconclusive' }, { path: join(root, 'evil.pkl') }])
  })

  test('outlives a worker that runs out of memory', async () => {
    const deep = join(root, 'deep.json')
    writeFileSync(deep, `[${'{"a":[1,2,3]},'.repeat(900_000)}1]`)
    const reports: unknown[] = []
    async function* jobs() {
      yield { path: deep, displayPath: 'deep.json' }
      yield { path: join(root, 'evil.pkl'), displayPath: 'evil.pkl' }
    }
    const options = {
      budget: {},
      allowGlobals: [],
      isExplained: false,
      known: new Map(),
      timeLimitMs: 60_000,
      memoryLimitMiB: 24,
    }
    for await (const report of runJobs(jobs(), options)) reports.push(report)
    expect(reports).toMatchObject([
      { path: 'deep.json', verdict: 'inconclusive', findings: [{ rule: 'scan.memory-limit' }] },
      { path: 'evil.pkl', verdict: 'findings' },
    ])
  })

  test('can be cancelled', async () => {
    const cancel = new AbortController()
    cancel.abort()
    await expect(all([join(root, 'good.pkl')], { signal: cancel.signal })).rejects.toThrow()
  })

  test('takes over reports of the same bytes, and only for the same rules', async () => {
    const cache = join(root, 'cache.json')
    const path = join(root, 'good.pkl')
    const [report] = await all([path])
    if (report?.sha256 === undefined) throw new TypeError('no report')
    await writeScanCache(cache, 'rules-1', [report])
    const known = await readScanCache(cache, 'rules-1')
    expect([...known.keys()]).toEqual([cacheKey(report.sha256, path)])
    expect(await readScanCache(cache, 'rules-2')).toEqual(new Map())
    const marked = new Map([[cacheKey(report.sha256, path), { ...report, format: 'taken over' }]])
    expect(await all([path], { known: marked })).toMatchObject([{ format: 'taken over' }])
  })

  test('lets through globals that the operator vouches for', async () => {
    const path = join(root, 'own.pkl')
    writeFileSync(path, Buffer.from('cmypackage.model\nNet\n)R.'))
    expect(await all([path])).toMatchObject([{ verdict: 'findings' }])
    expect(await all([path], { allowGlobals: ['mypackage.model.Net'] })).toMatchObject([{ verdict: 'clean' }])
  })
})

describe('the library', () => {
  test('scans an open file and leaves it open', async () => {
    const descriptor = openSync(join(root, 'evil.pkl'), 'r')
    try {
      expect(await scan({ descriptor, name: 'evil.pkl' })).toMatchObject({
        path: 'evil.pkl',
        verdict: 'findings',
      })
    } finally {
      closeSync(descriptor)
    }
  })

  test('scans bytes as they come', async () => {
    async function* content() {
      for (const byte of EVIL) yield Buffer.from([byte])
    }
    expect(await scan({ content: content(), name: 'model.pkl' })).toMatchObject({
      path: 'model.pkl',
      verdict: 'findings',
    })
  })
})

describe('a suppression', () => {
  const text = (expires: string) =>
    `suppressions:\n  - rule: pickle.unsafe-global\n    path: evil.pkl\n    reason: a test of our own\n    expires: ${expires}\n`
  const now = Date.parse('2026-06-01T00:00:00Z')

  test('takes its finding out until it expires', async () => {
    const [report] = await all([join(root, 'evil.pkl')])
    if (report === undefined) throw new TypeError('no report')
    const held = suppress(report, await parseSuppressions(text('2026-06-01')), now)
    expect(held.suppressed).not.toHaveLength(0)
    expect(held.report.findings.some((finding) => finding.rule === 'pickle.unsafe-global')).toBe(false)
    expect(suppress(report, await parseSuppressions(text('2026-05-31')), now).report).toBe(report)
  })

  test('without a reason, an expiry or a place is refused', async () => {
    await expect(
      parseSuppressions('suppressions:\n  - rule: a.b\n    path: x\n    reason: long enough\n'),
    ).rejects.toMatchObject({ code: 'scan.suppressions-invalid' })
    await expect(
      parseSuppressions('suppressions:\n  - rule: a.b\n    reason: long enough\n    expires: 2027-01-01\n'),
    ).rejects.toMatchObject({ code: 'scan.suppressions-invalid' })
  })
})

describe('the globals an operator vouches for', () => {
  test('are exact names, and change the digest of the rules', () => {
    expect(parseAllowedGlobals('# ours\na.b.C # why\n\n')).toEqual(['a.b.C'])
    expect(() => parseAllowedGlobals('a.*')).toThrow('line 1')
    expect(scannerDigest(['a.b'])).not.toBe(scannerDigest([]))
  })
})
