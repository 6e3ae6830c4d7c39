import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isSha256 } from '../../../core/index.ts'
import { memorySource, WireWriter } from '../../../formats/index.ts'
import type { ScanVerdict } from '../report.ts'
import { DEFAULT_SCAN_BUDGET } from './budget.ts'
import { scanSource } from './scan-file.ts'
import { buildZip } from './testing/build-zip.ts'

const EVIL = Buffer.from('cposix\nsystem\n(Vtrue\ntR.')
const DIGEST = 'a'.repeat(64)

async function scan(bytes: Uint8Array | string, name: string) {
  if (!isSha256(DIGEST)) throw new TypeError()
  return scanSource(memorySource(Buffer.from(bytes)), name, DIGEST, {
    budget: DEFAULT_SCAN_BUDGET,
    allowGlobals: new Set(),
    monotonicMs: () => performance.now(),
  })
}

async function expectVerdict(
  bytes: Uint8Array | string,
  name: string,
  verdict: ScanVerdict,
  ...rules: string[]
) {
  const report = await scan(bytes, name)
  const found = report.findings.map((finding) => finding.rule)
  for (const rule of rules) expect(found).toContain(rule)
  expect({ verdict: report.verdict, found }).toMatchObject({ verdict })
}

const layer = (class_name: string, config: object = {}, more: object = {}) => ({
  class_name,
  config,
  ...more,
})
const model = (...layers: object[]) =>
  JSON.stringify(layer('Sequential', { name: 'm', layers }, { module: 'keras' }))
const keras = (config: string) =>
  buildZip([
    { name: 'metadata.json', content: Buffer.from('{"keras_version": "3.9.0"}') },
    { name: 'config.json', content: Buffer.from(config) },
  ])

describe('a Keras model', () => {
  test('of ordinary layers is clean', async () => {
    await expectVerdict(
      keras(model(layer('Dense', { units: 4 }, { module: 'keras.layers', registered_name: null }))),
      'm.keras',
      'clean',
    )
  })

  const lambda = layer(
    'Lambda',
    { function: { class_name: '__lambda__', config: { code: '4wEA' } } },
    { module: 'keras.layers' },
  )
  test.each([
    ['at the top', model(lambda)],
    ['in a model inside', model(layer('Sequential', { layers: [lambda] }))],
    ['in TimeDistributed', model(layer('TimeDistributed', { layer: lambda }))],
    ['in Bidirectional', model(layer('Bidirectional', { layer: layer('Wrapper', { cell: lambda }) }))],
    [
      'in a loss of the compile configuration',
      JSON.stringify({ ...JSON.parse(model()), compile_config: { loss: lambda } }),
    ],
  ])('with a Lambda %s is a finding', async (_where, config) => {
    await expectVerdict(keras(config), 'm.keras', 'findings', 'keras.lambda')
    await expectVerdict(config, 'config.json', 'findings', 'keras.lambda')
  })

  test('that imports from outside of Keras is a finding (CVE-2025-1550)', async () => {
    const gadget = layer('function', {}, { module: 'os', config: 'system' })
    await expectVerdict(
      keras(model(layer('Dense', { activation: gadget }))),
      'm.keras',
      'findings',
      'keras.unsafe-object',
    )
  })

  test('that names a function of Keras which fetches files is a finding (CVE-2025-8747)', async () => {
    const gadget = { module: 'keras.utils', class_name: 'function', config: 'get_file' }
    await expectVerdict(
      keras(model(layer('Dense', { activation: gadget }))),
      'm.keras',
      'findings',
      'keras.unsafe-object',
    )
  })

  test('with a layer that loads other models is a finding (CVE-2025-49655)', async () => {
    await expectVerdict(
      keras(model(layer('TorchModuleWrapper'))),
      'm.keras',
      'findings',
      'keras.unsafe-layer',
    )
    await expectVerdict(keras(model(layer('TFSMLayer'))), 'm.keras', 'findings', 'keras.unsafe-layer')
  })

  test('that reads a vocabulary from a file is a finding', async () => {
    await expectVerdict(
      keras(model(layer('StringLookup', { vocabulary: '/etc/passwd' }))),
      'm.keras',
      'findings',
      'keras.file-access',
    )
  })
})

const wire = (): WireWriter => new WireWriter()

function node(name: string, operation: string, inputs: readonly string[] = [], text?: string): WireWriter {
  const writer = wire().text(1, name).text(2, operation)
  for (const input of inputs) writer.text(3, input)
  if (text === undefined) return writer
  const tensor = wire().bytes(8, Buffer.from(text))
  return writer.message(5, wire().text(1, 'value').message(2, wire().message(8, tensor)))
}

function savedModel(nodes: readonly WireWriter[], library: readonly WireWriter[] = []): Buffer {
  const body = wire().message(1, wire().text(1, 'f'))
  for (const each of library) body.message(3, each)
  const graph = wire()
  for (const each of nodes) graph.message(1, each)
  graph.message(2, wire().message(1, body))
  return wire().integer(1, 1).message(2, wire().message(2, graph)).finish()
}

describe('a SavedModel', () => {
  test('that computes, and saves where its caller says, is clean', async () => {
    const nodes = [
      node('x', 'Placeholder'),
      node('w', 'Const'),
      node('y', 'MatMul', ['x', 'w']),
      node('s', 'SaveV2', ['x']),
      node('f', 'PartitionedCall'),
    ]
    await expectVerdict(savedModel(nodes, [node('z', 'Relu')]), 'saved_model.pb', 'clean')
  })

  test.each([
    'ReadFile',
    'WriteFile',
    'MatchingFiles',
    'PrintV2',
    'PyFunc',
    'ReaderReadV2',
    'LoadLibrary',
    'TextLineDataset',
  ])('with %s in the graph or in the function library is a finding', async (operation) => {
    await expectVerdict(
      savedModel([node('x', operation)]),
      'saved_model.pb',
      'findings',
      'savedmodel.unsafe-operation',
    )
    await expectVerdict(
      savedModel([node('x', 'Const')], [node('y', operation)]),
      'renamed.bin',
      'findings',
      'savedmodel.unsafe-operation',
    )
    const text = `saved_model_schema_version: 1 meta_graphs { graph_def { node { name: "x" op: "${operation.slice(0, 3)}" '${operation.slice(3)}' } } }`
    await expectVerdict(text, 'saved_model.pbtxt', 'findings', 'savedmodel.unsafe-operation')
  })

  test('that saves to a place of its own choice is a finding', async () => {
    const nodes = [node('p', 'Const', [], '/root/.bashrc'), node('s', 'SaveV2', ['p'])]
    await expectVerdict(savedModel(nodes), 'saved_model.pb', 'findings', 'savedmodel.unsafe-operation')
  })

  test('with an operation that nobody knows is a finding', async () => {
    await expectVerdict(
      savedModel([node('x', 'MyCustomOp')]),
      'saved_model.pb',
      'findings',
      'savedmodel.unknown-operation',
    )
  })
})

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
const ggufString = (text: string) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])

function gguf(
  entries: readonly (readonly [string, string | readonly string[]])[],
  counts: { keys?: bigint; tensors?: bigint } = {},
) {
  const parts = [
    Buffer.from('GGUF'),
    u32(3),
    u64(counts.tensors ?? 0n),
    u64(counts.keys ?? BigInt(entries.length)),
  ]
  for (const [key, value] of entries) {
    parts.push(ggufString(key))
    if (typeof value === 'string') parts.push(u32(8), ggufString(value))
    else parts.push(u32(9), u32(8), u64(value.length), ...value.map(ggufString))
  }
  return Buffer.concat(parts)
}

const INJECTION = "{{ cycler.__init__.__globals__.os.popen('id').read() }}"
const TEMPLATE = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% endfor %}"

describe('a GGUF file', () => {
  test('with an ordinary chat template is clean', async () => {
    await expectVerdict(
      gguf([
        ['general.name', 'x'],
        ['tokenizer.chat_template', TEMPLATE],
      ]),
      'm.gguf',
      'clean',
    )
  })

  test('with a template that reaches for the interpreter is a finding, as text and in an array (CVE-2024-34359)', async () => {
    await expectVerdict(
      gguf([['tokenizer.chat_template', INJECTION]]),
      'm.gguf',
      'findings',
      'template.injection',
    )
    await expectVerdict(
      gguf([['tokenizer.chat_templates', [TEMPLATE, INJECTION]]]),
      'm.gguf',
      'findings',
      'template.injection',
    )
    await expectVerdict(gguf([['any.key', INJECTION]]), 'm.gguf', 'findings', 'template.injection')
  })

  test.each([{ keys: 2n ** 63n }, { tensors: 2n ** 62n }])(
    'with counts that overflow is a finding (CVE-2024-23496)',
    async (counts) => {
      await expectVerdict(gguf([['a', 'b']], counts), 'm.gguf', 'findings', 'gguf.overflow')
    },
  )
})

function safetensors(header: string, data: number): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(header)), Buffer.from(header), Buffer.alloc(data, 1)])
}

describe('a safetensors file', () => {
  const tensor = (start: number, end: number) =>
    `{"dtype":"U8","shape":[${end - start}],"data_offsets":[${start},${end}]}`

  test('whose tensors cover it exactly is clean', async () => {
    await expectVerdict(
      safetensors(`{"a":${tensor(0, 8)},"b":${tensor(8, 16)}}`, 16),
      'm.safetensors',
      'clean',
    )
  })

  test.each([
    ['an overlap', `{"a":${tensor(0, 8)},"b":${tensor(4, 12)}}`, 12, 'safetensors.overlap'],
    ['a hole before the first tensor', `{"a":${tensor(8, 16)}}`, 16, 'safetensors.hole'],
    ['a hole', `{"a":${tensor(0, 4)},"b":${tensor(8, 12)}}`, 12, 'safetensors.hole'],
    ['two entries of one name', `{"a":${tensor(0, 4)},"a":${tensor(0, 4)}}`, 4, 'safetensors.duplicate-key'],
    ['trailing data', `{"a":${tensor(0, 4)}}`, 9, 'safetensors.trailing-data'],
    [
      'a size that lies',
      '{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,4]}}',
      4,
      'safetensors.inconsistent',
    ],
    ['a tensor past the end', `{"a":${tensor(0, 400)}}`, 4, 'safetensors.inconsistent'],
  ])('with %s is a finding', async (_what, header, data, rule) => {
    await expectVerdict(safetensors(header, data), 'm.safetensors', 'findings', rule)
  })

  test('with an archive appended is a polyglot', async () => {
    const bytes = Buffer.concat([
      safetensors(`{"a":${tensor(0, 4)}}`, 4),
      buildZip([{ name: 'm/data.pkl', content: EVIL }]),
    ])
    await expectVerdict(bytes, 'm.safetensors', 'findings', 'content.polyglot', 'pickle.unsafe-global')
  })

  test('that is a pickle is a finding', async () => {
    await expectVerdict(Buffer.from('80027d2e', 'hex'), 'm.safetensors', 'findings', 'content.name-mismatch')
  })
})

describe('a template', () => {
  test.each([
    "{{ ''|attr('__class__') }}",
    "{{ messages['__cl' ~ 'ass__'] }}",
    "{{ messages['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    '{{ self._TemplateReference__context.cycler.__init__ }}',
    "{% set x = lipsum %}{{ x['__globals__'] }}",
    '{{ [].append.__self__.__class__ }}',
    '{{ ().__class__.__mro__ }}',
    '{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}',
  ])('such as %s is a finding', async (template) => {
    await expectVerdict(
      JSON.stringify({ chat_template: template }),
      'tokenizer_config.json',
      'findings',
      'template.injection',
    )
    await expectVerdict(
      JSON.stringify({ chat_template: [{ name: 'default', template }] }),
      'tokenizer_config.json',
      'findings',
    )
    await expectVerdict(template, 'chat_template.jinja', 'findings')
  })

  test('that only formats is clean, whatever it prints', async () => {
    const template =
      "{% if tools %}{{ 'Call os.system or import __init__ only when asked' if messages[0].role == 'system' else '' }}{% endif %}{{ raise_exception('no') if not messages }}"
    await expectVerdict(
      JSON.stringify({ chat_template: template.replace('__init__', 'x') }),
      'tokenizer_config.json',
      'clean',
    )
  })
})

describe('a model repository', () => {
  test.each([
    ['local code', { auto_map: { AutoModel: 'modeling_x.X' } }],
    ['code of another repository', { auto_map: { AutoModel: 'evil/repo--modeling_x.X' } }],
    ['a tokenizer of its own', { auto_map: { AutoTokenizer: ['tok.T', null] } }],
  ])('that names %s is a finding', async (_what, config) => {
    await expectVerdict(JSON.stringify(config), 'config.json', 'findings', 'huggingface.remote-code')
  })

  test.each([
    '!!python/object/apply:os.system ["id"]',
    '!!python/name:os.system ""',
    'a: !<tag:yaml.org,2002:python/object/new:x> {}',
    '%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system [id]',
  ])('with YAML such as %s is a finding', async (yaml) => {
    await expectVerdict(yaml, 'config.yaml', 'findings', 'yaml.unsafe-tag')
  })

  test('with a configuration that instantiates is judged by what it names', async () => {
    await expectVerdict('model:\n  _target_: torch.nn.Linear\n', 'c.yaml', 'clean')
    await expectVerdict(
      'a:\n  - _target_: builtins.exec\n    _args_: [x]\n',
      'c.yaml',
      'findings',
      'config.instantiation',
    )
    await expectVerdict('{"_target_": "some.package.function"}', 'c.json', 'findings', 'config.instantiation')
  })

  test('with Python is judged by what it calls, through aliases', async () => {
    await expectVerdict(
      'import torch\nclass A(torch.nn.Module):\n    """os.system("x")"""\n    def eval(self): return self.model.eval()\n',
      'modeling.py',
      'clean',
    )
    await expectVerdict(
      'import os as o\no.system("id")\n',
      'modeling.py',
      'findings',
      'python.dangerous-code',
    )
    await expectVerdict(
      'from subprocess import run as r\nr(["id"])\n',
      'setup',
      'findings',
      'python.dangerous-code',
    )
  })

  test('with secrets is a finding that does not repeat them', async () => {
    const secret = `hf_${'abcdefghijklmnopqrstuvwxyzabcdefgh'}`
    const report = await scan(`HF_TOKEN=${secret}\n`, '.env')
    expect(report.verdict).toBe('findings')
    expect(JSON.stringify(report)).not.toContain(secret)
    await expectVerdict('DB_PASSWORD=correct-horse-battery\n', '.env', 'findings', 'content.secret')
  })
})

describe('a file', () => {
  test('that is a program under another name is a finding', async () => {
    const elf = Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(120)])
    await expectVerdict(elf, 'pytorch_model.bin', 'findings', 'content.executable')
  })

  test('that is of no known kind is inconclusive, and raw weights by name are not', async () => {
    const bytes = Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 7919 + 13) % 256))
    await expectVerdict(bytes, 'model.pt', 'inconclusive')
    await expectVerdict(bytes, 'mystery', 'inconclusive', 'content.unknown')
    await expectVerdict(bytes, 'model.onnx.data', 'clean')
  })

  test('that is empty is noted', async () => {
    await expectVerdict('', 'empty.pt', 'clean', 'content.empty')
  })
})

const int = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(value)
      return bytes
    }),
  )

describe('other formats', () => {
  test('R data with a promise is a finding (CVE-2024-27322)', async () => {
    const symbol = Buffer.concat([int(1, 9, 1), Buffer.from('x')])
    const rds = (body: Buffer) =>
      gzipSync(Buffer.concat([Buffer.from('X\n'), int(2, 0x40300, 0x20300), body]))
    await expectVerdict(rds(Buffer.concat([int(5, 254), symbol])), 'm.rds', 'findings', 'rds.promise')
    await expectVerdict(rds(Buffer.concat([int(13, 2, 7, 8)])), 'm.rds', 'clean')
  })

  test('skops types outside of its trust are findings', async () => {
    const schema = (module: string, name: string, loader = 'ObjectNode') =>
      Buffer.from(JSON.stringify({ __class__: name, __module__: module, __loader__: loader }))
    const skops = (content: Buffer) => buildZip([{ name: 'schema.json', content }])
    await expectVerdict(
      skops(schema('sklearn.linear_model._logistic', 'LogisticRegression')),
      'm.skops',
      'clean',
    )
    await expectVerdict(
      skops(schema('os', 'system', 'FunctionNode')),
      'm.skops',
      'findings',
      'skops.untrusted-type',
    )
    await expectVerdict(
      skops(schema('sklearn.x', 'Y', 'MethodNode')),
      'm.skops',
      'findings',
      'skops.untrusted-type',
    )
  })

  test('a Core ML model with custom code is a finding', async () => {
    const coreml = (custom: boolean) => {
      const layer = wire()
        .text(1, 'layer')
        .message(custom ? 500 : 140, wire().text(10, 'MyLayer'))
      const model = wire().integer(1, 5).message(2, wire().text(1, 'x'))
      return model.message(500, wire().message(1, layer)).finish()
    }
    await expectVerdict(coreml(true), 'm.mlmodel', 'findings', 'coreml.custom-code')
    await expectVerdict(coreml(false), 'm.mlmodel', 'clean')
  })

  test('XML with entities, foreign layers or script is a finding', async () => {
    await expectVerdict(
      '<?xml version="1.0"?><net name="m"><layers><layer id="0" type="Relu" version="opset1"/></layers></net>',
      'm.xml',
      'clean',
    )
    await expectVerdict(
      '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><net/>',
      'm.xml',
      'findings',
      'xml.entity',
    )
    await expectVerdict(
      '<net name="m"><layers><layer id="0" type="Evil" version="extension"/></layers></net>',
      'm.xml',
      'findings',
      'openvino.extension',
    )
  })

  test('a compressed pickle inside a constant of a pickle is found', async () => {
    const packed = deflateSync(EVIL)
    const pickle = Buffer.concat([Buffer.from([0x80, 4, 0x43, packed.length]), packed, Buffer.from('.')])
    await expectVerdict(pickle, 'm.pkl', 'findings')
  })

  test('a TensorFlow Lite model with an operator of its own is a finding', async () => {
    await expectVerdict(tflite('EvilOp'), 'm.tflite', 'findings', 'tflite.custom-operation')
    await expectVerdict(tflite('TFLite_Detection_PostProcess'), 'm.tflite', 'clean')
  })
})

/** The smallest flatbuffer with one operator code that has a custom name. */
function tflite(name: string): Buffer {
  const bytes = Buffer.alloc(100 + name.length)
  bytes.writeUInt32LE(20, 0)
  bytes.write('TFL3', 4)
  bytes.writeUInt16LE(8, 8)
  bytes.writeUInt16LE(8, 10)
  bytes.writeUInt16LE(0, 12)
  bytes.writeUInt16LE(4, 14)
  bytes.writeInt32LE(12, 20)
  bytes.writeUInt32LE(8, 24)
  bytes.writeUInt32LE(1, 32)
  bytes.writeUInt32LE(24, 36)
  bytes.writeUInt16LE(8, 48)
  bytes.writeUInt16LE(8, 50)
  bytes.writeUInt16LE(0, 52)
  bytes.writeUInt16LE(4, 54)
  bytes.writeInt32LE(12, 60)
  bytes.writeUInt32LE(8, 64)
  bytes.writeUInt32LE(name.length, 72)
  bytes.write(name, 76)
  return bytes
}
