import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { WireWriter } from '../../../../formats/index.ts'
import { buildTar, buildZip } from './build-zip.ts'

const pickle = Buffer.from(
  '80049531000000000000007d94288c016194 4b018c016294 5d94284b014b024b0365 75 8c05706f736978948c0673797374656d949394 8c0474727565 948594 5294 2e'.replaceAll(
    ' ',
    '',
  ),
  'hex',
)
const old = Buffer.from('cposix\nsystem\n(Vtrue\ntR.')
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
const text = (value: string) => Buffer.concat([u64(value.length), Buffer.from(value)])
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const header = '{"__metadata__":{"a":"{{ x }}"},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'

function savedModel(): Buffer {
  const node = new WireWriter().text(1, 'x').text(2, 'ReadFile').text(3, 'y')
  const graph = new WireWriter()
    .message(1, node)
    .message(2, new WireWriter().message(1, new WireWriter().message(3, node)))
  return new WireWriter().integer(1, 1).message(2, new WireWriter().message(2, graph)).finish()
}

function npy(): Buffer {
  const own = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117)
  return Buffer.concat([
    Buffer.from('934e554d5059010076 00'.replace(' ', ''), 'hex'),
    Buffer.from(`${own}\n`),
    pickle,
  ])
}

/** One file of each format, to be mutated. */
export const SEEDS: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['a.pkl', pickle],
  ['old.pkl', old],
  [
    'model.pt',
    buildZip([
      { name: 'm/data.pkl', content: pickle, isDeflated: true },
      { name: 'm/data/0', content: Buffer.alloc(40) },
    ]),
  ],
  [
    'model.tar',
    buildTar([
      { name: 'pickle', content: old },
      { name: 'link', content: Buffer.alloc(0), type: '2', link: '../x' },
    ]),
  ],
  ['model.joblib', gzipSync(pickle)],
  ['z.joblib', deflateSync(pickle)],
  ['model.zst', zstdCompressSync(pickle)],
  ['model.safetensors', Buffer.concat([u64(header.length), Buffer.from(header), Buffer.alloc(4)])],
  [
    'model.gguf',
    Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(0),
      u64(2),
      text('tokenizer.chat_template'),
      u32(8),
      text('{{ a }}'),
      text('b'),
      u32(9),
      u32(8),
      u64(2),
      text('{% if a %}'),
      text('c'),
    ]),
  ],
  ['saved_model.pb', savedModel()],
  ['array.npy', npy()],
  [
    'config.json',
    Buffer.from(
      '{"class_name":"Sequential","config":{"layers":[{"class_name":"Lambda","config":{"a":[1,2,{"b":null}]}}]},"auto_map":{"a":"b.C"}}',
    ),
  ],
  [
    'config.yaml',
    Buffer.from('a:\n  - &x _target_: os.system\n  - *x\nb: !!python/object/apply:os.system ["id"]\n'),
  ],
  [
    'model.xml',
    Buffer.from(
      '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><net><layers><layer version="extension"/></layers></net>',
    ),
  ],
  [
    'chat.jinja',
    Buffer.from("{% for m in messages %}{{ m['role'] ~ m.content | trim }}{% endfor %}{{ ''.__class__ }}"),
  ],
  [
    'code.py',
    Buffer.from(
      'import os as o\nfrom subprocess import run\ndef f(x):\n    """a"""\n    return o.system(f"{x}")\n',
    ),
  ],
]
