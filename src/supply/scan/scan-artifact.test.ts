import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { endlessModel, perceptronModel } from '../../../test/support/models.ts'
import { type ScannedFile, type ScanReport, scanArtifact } from './index.ts'

function file(path: string, content: Uint8Array | string): ScannedFile {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return { path, sizeBytes: bytes.length, bytes: () => Promise.resolve(bytes) }
}

function scan(path: string, content: Uint8Array | string): Promise<ScanReport> {
  return scanArtifact([file(path, content)])
}

async function judged(path: string, content: Uint8Array | string): Promise<string> {
  const report = await scan(path, content)
  return [report.verdict, ...new Set(report.findings.map((finding) => finding.rule))].join(' ')
}

const TEXT = { 'README.md': '# A model\n', 'model.yaml': 'name: a\n', 'dataset.json': '{"rows": 1}\n' }

describe('scanning an artifact', () => {
  it('calls a model with its texts clean, and says what each file is', async () => {
    const texts = Object.entries(TEXT).map(([path, content]) => file(path, content))
    const report = await scanArtifact([file('model.onnx', perceptronModel()), ...texts])
    expect(report).toMatchObject({ verdict: 'clean', findings: [], scanner: { name: 'sallyport' } })
    expect(report.files.map((each) => [each.path, each.format])).toEqual([
      ['model.onnx', 'onnx'],
      ['README.md', 'text'],
      ['model.yaml', 'text'],
      ['dataset.json', 'text'],
    ])
  })

  it('judges by content and not by name', async () => {
    const pickle = Buffer.from(
      '80049528000000000000008c05706f736978948c0673797374656d9493948c026964948594529',
      'hex',
    )
    for (const name of ['model.onnx', 'README.md', 'weights.safetensors', 'x']) {
      expect(await judged(name, pickle)).toBe('findings scan.code-carrying-format')
    }
    expect((await scan('README.md', endlessModel())).files[0]?.format).toBe('onnx')
  })

  it.each<[string, Uint8Array | string, string]>([
    ['an ELF library', Buffer.from('7f454c4602010100', 'hex'), 'scan.executable'],
    ['a Windows program', windowsProgram(), 'scan.executable'],
    ['a Mach-O program', Buffer.from('cffaedfe07000001', 'hex'), 'scan.executable'],
    ['WebAssembly', Buffer.from('0061736d01000000', 'hex'), 'scan.executable'],
    ['a shell script', '#!/bin/sh\nid\n', 'scan.script'],
    ['a pickle of protocol 2', Buffer.from('80025d71002e', 'hex'), 'scan.code-carrying-format'],
    ['a pickle of protocol 0', "cos\nsystem\n(S'id'\ntR.", 'scan.code-carrying-format'],
    ['a pickle that calls through INST', "(S'id'\nios\nsystem\n.", 'scan.code-carrying-format'],
    ['a zip', Buffer.from('504b0304140000000000', 'hex'), 'scan.code-carrying-format'],
    ['HDF5', Buffer.from('894844460d0a1a0a00', 'hex'), 'scan.code-carrying-format'],
    [
      'HDF5 behind a user block',
      Buffer.concat([Buffer.alloc(2048), Buffer.from('894844460d0a1a0a00', 'hex')]),
      'scan.code-carrying-format',
    ],
    ['a SavedModel', Buffer.from('080112050a030a0161', 'hex'), 'scan.code-carrying-format'],
    ['a numpy array', Buffer.from('934e554d50590100', 'hex'), 'scan.code-carrying-format'],
    ['gzip', gzipSync('x'), 'scan.archive'],
    ['7z', Buffer.from('377abcaf271c0004', 'hex'), 'scan.archive'],
    ['a tar', tar(), 'scan.archive'],
  ])('refuses %s', async (_what, content, rule) => {
    expect(await judged('model.onnx', content)).toBe(`findings ${rule}`)
  })

  it('answers for both halves of a polyglot', async () => {
    expect(await judged('model.onnx', Buffer.concat([perceptronModel(), emptyZip()]))).toContain(
      'scan.code-carrying-format',
    )
    expect(await judged('README.md', Buffer.concat([Buffer.from('# text\n'), emptyZip()]))).toBe(
      'findings scan.code-carrying-format',
    )
  })

  it('never calls clean what it could not read', async () => {
    expect(await judged('model.onnx', Buffer.from([1, 2, 3, 0, 200]))).toBe(
      'inconclusive scan.unknown-format',
    )
    expect(await judged('model.onnx', perceptronModel().subarray(0, 1000))).not.toContain('clean')
    const broken = { path: 'a', sizeBytes: 1, bytes: () => Promise.reject(new Error('EIO')) }
    const shorter = { path: 'b', sizeBytes: 2, bytes: () => Promise.resolve(Buffer.from('a')) }
    const huge = { path: 'c', sizeBytes: 2 ** 31 + 1, bytes: () => Promise.resolve(Buffer.alloc(0)) }
    const report = await scanArtifact([broken, shorter, huge, file('d', 'text')])
    expect(report.verdict).toBe('inconclusive')
    expect(report.files.map((each) => each.verdict)).toEqual([
      'inconclusive',
      'inconclusive',
      'inconclusive',
      'clean',
    ])
  })

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort()
    await expect(scanArtifact([file('a', 'text')], { signal })).rejects.toThrow(/abort/i)
  })
})

describe('scanning a text', () => {
  it.each([
    ['a.yaml', 'a: !!python/object/apply:os.system ["id"]\n'],
    ['a.yaml', '%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system ["id"]\n'],
    ['a.yml', 'a: !<tag:yaml.org,2002:python/name:os.system> ""\n'],
    ['a.yaml', '- 1\n---\n- !ruby/object:Gem::Installer {}\n'],
    ['config', 'a: !!python/name:os.system\n'],
    ['a.yaml', '"unclosed: !!python/name:os.system\n'],
  ])('finds the tag that calls code in %s: %j', async (path, text) => {
    expect(await judged(path, text)).toContain('text.unsafe-yaml-tag')
  })

  it('allows what Markdown shows and what YAML calls plain', async () => {
    expect(await judged('README.md', '# Use\n\n```python\nimport os\n!!python/x\n```\n')).toBe('clean')
    expect(await judged('a.yaml', 'a: !!str 1\nb: !!binary aGk=\n? !!set {x}\n: 2\n')).toBe('clean')
    expect(await judged('a.yaml', 'a: !Model {x: 1}\n')).toBe('findings text.unknown-yaml-tag')
  })

  it('refuses source code under its own name and under another', async () => {
    expect(await judged('modeling.py', 'x = 1\n')).toBe('findings scan.script')
    expect(await judged('notes.txt', '# a\n\nfrom os import system\nsystem("id")\n')).toBe(
      'findings scan.script',
    )
    expect(await judged('notes.txt', 'imports of the year 1994\n')).toBe('clean')
  })

  it.each([
    ['a.json', '{"a": '],
    ['a.yaml', 'a: [1'],
    ['a.yaml', '['.repeat(100_000)],
    ['a.yaml', `${'['.repeat(100)}${']'.repeat(100)}`],
    ['a.yaml', '- '.repeat(100_000)],
    ['a.yaml', `a: ${'x'.repeat(1_100_000)}`],
    [
      'a.yaml',
      `a: &a [x,x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [*a,*a]`).join('\n')}\n? [`,
    ],
  ])('is inconclusive about %s when it is damaged, deep or endless', async (path, text) => {
    const started = performance.now()
    expect(await judged(path, text)).toBe('inconclusive text.unread')
    expect(performance.now() - started).toBeLessThan(2000)
  })
})

function windowsProgram(): Buffer {
  const bytes = Buffer.alloc(128)
  bytes.write('MZ', 'latin1')
  bytes.writeUInt32LE(64, 0x3c)
  bytes.write('PE\0\0', 64, 'latin1')
  return bytes
}

function emptyZip(): Buffer {
  const bytes = Buffer.alloc(22)
  bytes.write('PK\x05\x06', 'latin1')
  return bytes
}

function tar(): Buffer {
  const bytes = Buffer.alloc(1024)
  bytes.write('file', 'latin1')
  bytes.write('ustar', 257, 'latin1')
  return bytes
}
