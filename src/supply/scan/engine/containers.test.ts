import { execFileSync } from 'node:child_process'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isSha256 } from '../../../core/index.ts'
import { memorySource } from '../../../formats/index.ts'
import type { ScanVerdict } from '../report.ts'
import { DEFAULT_SCAN_BUDGET, type ScanBudget } from './budget.ts'
import { scanSource } from './scan-file.ts'
import { buildTar, buildZip, type MemberPlan } from './testing/build-zip.ts'

/** `os.system('true')`, and a pickle of nothing but a dict. */
const EVIL = Buffer.from('cposix\nsystem\n(Vtrue\ntR.')
const GOOD = Buffer.from('80027d2e', 'hex')
const DIGEST = 'a'.repeat(64)

async function scan(bytes: Uint8Array, name: string, budget: Partial<ScanBudget> = {}) {
  if (!isSha256(DIGEST)) throw new TypeError()
  return scanSource(memorySource(bytes), name, DIGEST, {
    budget: { ...DEFAULT_SCAN_BUDGET, ...budget },
    allowGlobals: new Set(),
    monotonicMs: () => performance.now(),
  })
}

async function expectVerdict(bytes: Uint8Array, name: string, verdict: ScanVerdict, ...rules: string[]) {
  const report = await scan(bytes, name)
  const found = report.findings.map((finding) => finding.rule)
  for (const rule of rules) expect(found).toContain(rule)
  expect({ verdict: report.verdict, found }).toMatchObject({ verdict })
  return report
}

const torch = (...members: MemberPlan[]) => [{ name: 'm/version', content: Buffer.from('3\n') }, ...members]

describe('a zip archive', () => {
  test('of a PyTorch model without anything odd is clean', async () => {
    const members = torch(
      { name: 'm/data.pkl', content: GOOD },
      { name: 'm/data/0', content: Buffer.alloc(64, 7) },
    )
    await expectVerdict(buildZip(members), 'model.pt', 'clean')
  })

  test('is examined in members of any name (CVE-2025-1889)', async () => {
    await expectVerdict(
      buildZip([{ name: 'weights.config', content: EVIL }]),
      'm.zip',
      'findings',
      'pickle.unsafe-global',
    )
  })

  test('is examined when local and central names differ (CVE-2025-1944)', async () => {
    const bytes = buildZip(torch({ name: 'm/data.pkl', content: EVIL, local: { name: 'm/dataXpkl' } }))
    await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global', 'zip.name-disagrees')
  })

  test.each([0x1, 0x20, 0x40, 0x2000])(
    'is examined when only the local flags have %i (CVE-2025-1945)',
    async (flags) => {
      const bytes = buildZip(torch({ name: 'm/data.pkl', content: EVIL, local: { flags } }))
      await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global', 'zip.flags-disagree')
    },
  )

  test('is examined when both headers say that plain contents are encrypted', async () => {
    const bytes = buildZip(
      torch({ name: 'm/data.pkl', content: EVIL, local: { flags: 1 }, central: { flags: 1 } }),
    )
    await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global')
  })

  test('with a member that is really encrypted is inconclusive', async () => {
    const wrong = { flags: 1, crc: 1 }
    const bytes = buildZip([{ name: 'a.txt', content: Buffer.alloc(40, 0xd7), local: wrong, central: wrong }])
    await expectVerdict(bytes, 'm.zip', 'inconclusive', 'zip.encrypted')
  })

  test('is examined when a checksum is wrong (CVE-2025-10156)', async () => {
    const bytes = buildZip(
      torch({ name: 'm/data.pkl', content: EVIL, local: { crc: 1 }, central: { crc: 1 } }),
    )
    await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global', 'zip.crc-disagrees')
  })

  test('is examined in the first and the last of two members of one name', async () => {
    const pair: [Buffer, Buffer][] = [
      [EVIL, GOOD],
      [GOOD, EVIL],
    ]
    for (const [first, last] of pair) {
      const members = torch({ name: 'm/data.pkl', content: first }, { name: 'm/data.pkl', content: last })
      await expectVerdict(buildZip(members), 'm.pt', 'findings', 'pickle.unsafe-global', 'zip.duplicate-name')
    }
  })

  test('is examined in DATA.PKL, which PyTorch takes for data.pkl', async () => {
    const members = torch({ name: 'm/data.pkl', content: GOOD }, { name: 'm/DATA.PKL', content: EVIL })
    await expectVerdict(buildZip(members), 'm.pt', 'findings', 'zip.case-duplicate', 'pickle.unsafe-global')
    await expectVerdict(
      buildZip(torch({ name: 'm/DATA.PKL', content: GOOD })),
      'm.pt',
      'findings',
      'zip.case-variant',
    )
  })

  test.each([true, false])('is examined behind a prefix (offsets shifted: %s)', async (isShifted) => {
    const bytes = buildZip(torch({ name: 'm/data.pkl', content: EVIL }), {
      prefix: Buffer.from('#!/bin/sh\nexit\n'),
      isShifted,
    })
    await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global', 'zip.data-before')
  })

  test('is examined in its prefix, between members, after its end and in its comment', async () => {
    const members = torch({ name: 'm/data.pkl', content: GOOD })
    await expectVerdict(
      buildZip(members, { prefix: EVIL }),
      'm.pkl',
      'findings',
      'pickle.unsafe-global',
      'zip.data-before',
    )
    await expectVerdict(
      buildZip(members, { between: EVIL }),
      'm.pt',
      'findings',
      'pickle.unsafe-global',
      'zip.data-between',
    )
    await expectVerdict(
      buildZip(members, { suffix: EVIL }),
      'm.pt',
      'findings',
      'pickle.unsafe-global',
      'zip.data-after',
    )
    const comment = Buffer.concat([Buffer.from([0]), EVIL])
    await expectVerdict(buildZip(members, { comment }), 'm.pt', 'findings', 'zip.data-in-comment')
  })

  test('is examined with a second archive in its comment', async () => {
    const hidden = buildZip(torch({ name: 'm/data.pkl', content: EVIL }))
    const bytes = buildZip(torch({ name: 'm/data.pkl', content: GOOD }), { comment: hidden })
    await expectVerdict(bytes, 'm.pt', 'findings', 'pickle.unsafe-global')
  })

  test('is examined together with one that is appended to it', async () => {
    const good = buildZip(torch({ name: 'm/data.pkl', content: GOOD }))
    const evil = buildZip(torch({ name: 'm/data.pkl', content: EVIL }))
    await expectVerdict(Buffer.concat([evil, good]), 'm.pt', 'findings', 'pickle.unsafe-global')
    await expectVerdict(Buffer.concat([good, evil]), 'm.pt', 'findings', 'pickle.unsafe-global')
  })

  test('is examined in members that its directory does not list, and without any directory', async () => {
    const members = torch(
      { name: 'm/data.pkl', content: GOOD },
      { name: 'm/x', content: EVIL, isUnlisted: true },
    )
    await expectVerdict(buildZip(members), 'm.pt', 'findings', 'zip.unlisted-member', 'pickle.unsafe-global')
    const whole = buildZip(torch({ name: 'm/data.pkl', content: EVIL }))
    const cut = whole.subarray(0, whole.indexOf('PK\x01\x02', 0, 'latin1'))
    await expectVerdict(cut, 'm.pt', 'findings', 'pickle.unsafe-global')
  })

  test('is examined under both methods when they disagree', async () => {
    const bytes = buildZip(
      torch({ name: 'm/data.pkl', content: EVIL, isDeflated: true, local: { method: 0 } }),
    )
    await expectVerdict(bytes, 'm.pt', 'findings', 'zip.method-disagrees', 'pickle.unsafe-global')
  })

  test('is examined in a folder with contents, behind a NUL and under a second name', async () => {
    await expectVerdict(
      buildZip(torch({ name: 'm/data.pkl/', content: EVIL })),
      'm.pt',
      'findings',
      'zip.directory-with-data',
      'pickle.unsafe-global',
    )
    await expectVerdict(
      buildZip(torch({ name: 'm/data.pkl\0.txt', content: EVIL })),
      'm.pt',
      'findings',
      'zip.nul-in-name',
      'pickle.unsafe-global',
    )
    const name = Buffer.from('m/data.pkl')
    const extra = Buffer.concat([Buffer.from([0x75, 0x70, name.length + 5, 0, 1, 0, 0, 0, 0]), name])
    await expectVerdict(
      buildZip(torch({ name: 'm/notes.txt', content: EVIL, extra })),
      'm.pt',
      'findings',
      'zip.second-name',
      'pickle.unsafe-global',
    )
  })

  test.each(['../../etc/cron.d/x', '/etc/passwd', 'C:\\x', 'a\\..\\b'])(
    'with a member named %s is a finding',
    async (name) => {
      await expectVerdict(
        buildZip([{ name, content: Buffer.from('x') }]),
        'm.zip',
        'findings',
        'archive.path-escape',
      )
    },
  )

  test('with members that share bytes is a finding', async () => {
    const inner = buildZip([{ name: 'a', content: Buffer.alloc(200, 65) }])
    const local = inner.subarray(0, inner.indexOf('PK\x01\x02', 0, 'latin1'))
    const bytes = buildZip([
      { name: 'outer', content: local },
      { name: 'x', content: Buffer.from('x'), localOffset: 35 },
    ])
    await expectVerdict(bytes, 'm.zip', 'findings', 'zip.overlap')
  })

  test('is examined in a pickle that hides among the storages', async () => {
    const members = torch({ name: 'm/data.pkl', content: GOOD }, { name: 'm/data/0', content: EVIL })
    await expectVerdict(buildZip(members), 'm.pt', 'findings')
  })

  test('is examined in archives inside it, and nested too deeply is inconclusive', async () => {
    let bytes: Buffer = EVIL
    for (let level = 0; level < 5; level++) bytes = buildZip([{ name: `level${level}.bin`, content: bytes }])
    await expectVerdict(bytes, 'm.zip', 'findings', 'pickle.unsafe-global')
    for (let level = 0; level < 6; level++) bytes = buildZip([{ name: `more${level}.bin`, content: bytes }])
    await expectVerdict(bytes, 'm.zip', 'inconclusive', 'archive.too-deep')
  })

  test('that grows beyond measure is stopped and is a finding', async () => {
    const bytes = buildZip([{ name: 'zeros', content: Buffer.alloc(32 * 1024 * 1024), isDeflated: true }])
    const report = await scan(bytes, 'm.zip', { freeExpandedBytes: 8 * 1024 * 1024 })
    expect(report.findings.map((finding) => finding.rule)).toContain('archive.bomb')
  })

  test('with a method that is not read is inconclusive', async () => {
    await expectVerdict(
      buildZip([{ name: 'a.txt', content: Buffer.alloc(9, 200), method: 98 }]),
      'm.zip',
      'inconclusive',
      'zip.unread',
    )
  })

  test('under the name of a text is a finding', async () => {
    await expectVerdict(
      buildZip([{ name: 'a.txt', content: Buffer.from('hello') }]),
      'config.json',
      'findings',
      'content.name-mismatch',
    )
  })
})

describe('a tar archive', () => {
  test('is examined in every member, and in a second archive after it', async () => {
    await expectVerdict(
      buildTar([{ name: 'weights.any', content: EVIL }]),
      'm.nemo',
      'findings',
      'pickle.unsafe-global',
    )
    const both = Buffer.concat([buildTar([{ name: 'a.txt', content: GOOD }]), EVIL])
    await expectVerdict(both, 'm.tar', 'findings', 'archive.data-after', 'pickle.unsafe-global')
  })

  test('with paths or links that leave it is a finding', async () => {
    await expectVerdict(
      buildTar([{ name: '../x', content: Buffer.from('x') }]),
      'm.tar',
      'findings',
      'archive.path-escape',
    )
    const link = [{ name: 'x', content: Buffer.alloc(0), type: '2', link: '/etc' }]
    await expectVerdict(buildTar(link), 'm.tar', 'findings', 'archive.link-escape')
  })

  test('with an instantiating configuration is a finding (NeMo, CVE-2025-23304)', async () => {
    const yaml = Buffer.from('model:\n  _target_: os.system\n  command: id\n')
    await expectVerdict(
      buildTar([{ name: 'model_config.yaml', content: yaml }]),
      'm.nemo',
      'findings',
      'config.instantiation',
    )
  })
})

describe('a compressed stream', () => {
  const codecs: [string, (bytes: Buffer) => Buffer][] = [
    ['gzip', gzipSync],
    ['zlib', deflateSync],
    ['zstd', zstdCompressSync],
    ['xz', (bytes) => execPython('import lzma;w(lzma.compress(r()))', bytes)],
    ['lzma', (bytes) => execPython('import lzma;w(lzma.compress(r(),format=lzma.FORMAT_ALONE))', bytes)],
    ['bz2', (bytes) => execPython('import bz2;w(bz2.compress(r()))', bytes)],
  ]
  const hasPython = canRunPython()

  test.each(codecs)('of %s is examined inside', async (codec, compress) => {
    if (!hasPython && ['xz', 'lzma', 'bz2'].includes(codec)) return
    await expectVerdict(compress(EVIL), 'model.joblib', 'findings', 'pickle.unsafe-global')
    await expectVerdict(compress(GOOD), 'model.joblib', 'clean')
  })

  test('of lz4 is examined inside', async () => {
    const block = Buffer.concat([Buffer.from([0xf0, EVIL.length - 15]), EVIL])
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    const frame = Buffer.concat([Buffer.from('04224d18604082', 'hex'), size, block, Buffer.alloc(4)])
    await expectVerdict(frame, 'model.joblib', 'findings', 'pickle.unsafe-global')
  })

  test('that breaks off is examined in what comes before, and in what comes after its end', async () => {
    const long = gzipSync(
      Buffer.concat([EVIL, Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251))]),
    )
    await expectVerdict(long.subarray(0, long.length - 40), 'm.joblib', 'findings', 'pickle.unsafe-global')
    await expectVerdict(gzipSync(GOOD).subarray(0, 15), 'm.joblib', 'inconclusive', 'archive.broken-stream')
    await expectVerdict(
      Buffer.concat([deflateSync(GOOD), EVIL]),
      'm.joblib',
      'findings',
      'archive.data-after',
    )
  })

  test('of a kind that is not read is inconclusive', async () => {
    await expectVerdict(
      Buffer.from('377abcaf271c0004aaaaaaaaaaaaaaaa', 'hex'),
      'm.pt',
      'inconclusive',
      'archive.unread',
    )
    await expectVerdict(brotliCompressSync(Buffer.alloc(100, 1)), 'm.pt', 'inconclusive')
  })
})

function execPython(code: string, input: Buffer): Buffer {
  const script = `import sys\nr=sys.stdin.buffer.read\nw=sys.stdout.buffer.write\n${code}`
  return execFileSync('python3', ['-c', script], { input })
}

function canRunPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import lzma, bz2'])
    return true
  } catch {
    return false
  }
}
