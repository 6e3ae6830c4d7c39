import { describe, expect, test } from 'vitest'
import {
  binBytes,
  bytes,
  frame,
  global,
  little,
  PAYLOAD,
  PROTO_2,
  PROTO_4,
  stackGlobal,
  text,
} from '../../../../test/support/pickle-streams.ts'
import { memorySource } from '../../../formats/index.ts'
import type { PickleContext, PickleScan } from './index.ts'
import { scanNumpy, scanPickle } from './index.ts'

const CONTEXT: PickleContext = {
  isClaimed: true,
  profile: 'any',
  allowGlobals: new Set(),
  maxOpcodes: 100_000_000,
}

function scan(...pieces: (string | Uint8Array)[]): PickleScan {
  return scanPickle(memorySource(bytes(...pieces)), CONTEXT)
}

/** Rules of findings that block, with what they name. */
function blamed({ findings }: PickleScan): string[] {
  return findings
    .filter(({ severity, rule }) => severity !== 'info' && severity !== 'low' && rule.isUnread !== true)
    .map(({ rule, evidence }) => `${rule.id} ${evidence ?? ''}`.trim())
}

const OS_SYSTEM = 'pickle.unsafe-global os.system'
const WRAPPER = `${stackGlobal('joblib.numpy_pickle', 'NumpyArrayWrapper')})\x81`

/** The state of a joblib array of `count` bytes. */
function wrapperState(count: number, dtype = 'u1'): string {
  const type = `${stackGlobal('numpy', 'dtype')}${text(dtype)}\x89\x88\x87R(K\x03${text('|')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`
  return `}(${text('dtype')}${type}${text('shape')}K${String.fromCharCode(count)}\x85${text('order')}${text('C')}ub`
}

/** A joblib wrapper that is built again and again. */
const wide = bytes(`${WRAPPER}\x94`, `${wrapperState(1, 'O8').slice(0, -1)}\x94b`, 'h\x01b'.repeat(20_000))
const TORCH_MAGIC = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'

const EXECUTED: readonly [fact: string, expected: string, ...pieces: (string | Uint8Array)[]][] = [
  [
    'operands of STACK_GLOBAL at the very first byte',
    OS_SYSTEM,
    `${stackGlobal('os', 'system')}(${text('id')}tR.`,
  ],
  [
    'operands put with PUT and BINPUT and taken with GET',
    OS_SYSTEM,
    `${text('os')}q\x050${text('system')}p7\n0h\x05g7\n\x93(${text('id')}tR.`,
  ],
  [
    'memo indexes that are not in order',
    OS_SYSTEM,
    `${text('os')}q\x010${text('json')}q\x000${text('system')}q\x020h\x01h\x02\x93(${text('id')}tR.`,
  ],
  [
    'MEMOIZE after BINGET',
    OS_SYSTEM,
    `${PROTO_4}${text('os')}\x940h\x00\x94${text('system')}\x9400h\x01h\x02\x93(${text('id')}tR.`,
  ],
  [
    'MEMOIZE after POP',
    OS_SYSTEM,
    `${PROTO_4}${text('os')}${text('x')}0\x940${text('system')}\x940h\x00h\x01\x93(${text('id')}tR.`,
  ],
  [
    'a memo slot used twice',
    OS_SYSTEM,
    `${text('json')}q\x000${text('os')}q\x000h\x00${text('system')}\x93(${text('id')}tR.`,
  ],
  [
    'MEMOIZE counting entries, not indexes',
    OS_SYSTEM,
    `${PROTO_4}${text('x')}q\x090${text('os')}\x940h\x01${text('system')}\x93(${text('id')}tR.`,
  ],
  [
    'an index of four thousand million',
    OS_SYSTEM,
    `${text('os')}r\xff\xff\xff\xff0j\xff\xff\xff\xff${text('system')}\x93(${text('id')}tR.`,
  ],
  ['INT in base 16', OS_SYSTEM, `I0x10\n0${PAYLOAD}.`],
  ['INT in base 8 and 2 and with underscores', OS_SYSTEM, `I0o17\n0I0b11\n0I1_000\n0I010\n0I\n0${PAYLOAD}.`],
  ['LONG in base 16', OS_SYSTEM, `L0x10L\n0${PAYLOAD}.`],
  ['a LONG1 without bytes', OS_SYSTEM, `\x8a\x000${PAYLOAD}.`],
  ['FLOAT of words', OS_SYSTEM, `Fnan\n0F-inf\n0F1e5\n0${PAYLOAD}.`],
  ['STRING with bytes that are not ASCII', OS_SYSTEM, `S'\xe9\xff'\n0${PAYLOAD}.`],
  [
    'STRING with escapes',
    OS_SYSTEM,
    `${PROTO_4}S'\\x6f\\163'\nS"sys\\\ntem"\n00S'o\\x73'\nS'system'\n\x93(${text('id')}tR.`.replace(
      '\\\n',
      '',
    ),
  ],
  ['UNICODE with escapes', OS_SYSTEM, `${PROTO_4}V\\u006fs\nVsy\\U00000073tem\n\x93(${text('id')}tR.`],
  ['operands as SHORT_BINSTRING', OS_SYSTEM, `U\x02osU\x06system\x93(${text('id')}tR.`],
  [
    'operands as BINSTRING and BINUNICODE8',
    OS_SYSTEM,
    'T\x02\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93',
    `(${text('id')}tR.`,
  ],
  ['operands pushed with DUP', 'pickle.unsafe-global code.code', `${text('code')}2\x93(tR.`],
  [
    'a name with a carriage return',
    'pickle.unknown-global os\r.system',
    `cos\r\nsystem\r\n(S'id'\r\ntR.`.replace("S'id'\r\n", "S'id'\n"),
  ],
  ['a name with a space', 'pickle.unknown-global a b.c d', 'ca b\nc d\n)R.'],
  ['a name of Python 2', 'pickle.unsafe-global builtins.eval', `${PROTO_2}c__builtin__\neval\n(S'1'\ntR.`],
  ['a module of Python 2', 'pickle.unsafe-global pickle.loads', `ccPickle\nloads\n(S'N.'\ntR.`],
  [
    'a module that was split since Python 2',
    'pickle.unsafe-global urllib.request.urlopen',
    `curllib2\nurlopen\n(S'x'\ntR.`,
  ],
  ['INST', OS_SYSTEM, "(S'id'\nios\nsystem\n."],
  ['OBJ', OS_SYSTEM, `(${global('os', 'system')}S'id'\no.`],
  ['OBJ whose result is popped', OS_SYSTEM, `(${global('os', 'system')}S'id'\no0N.`],
  ['NEWOBJ', 'pickle.unsafe-global subprocess.Popen', `${global('subprocess', 'Popen')}(S'id'\nt\x81.`],
  ['NEWOBJ_EX', 'pickle.unsafe-global subprocess.Popen', `${global('subprocess', 'Popen')}(S'id'\nt}\x92.`],
  [
    'REDUCE with a list of arguments, as Python unpicklers allow',
    OS_SYSTEM,
    `${global('os', 'system')}](S'id'\neR.`,
  ],
  ['a persistent id as an argument', OS_SYSTEM, `${global('os', 'system')}(Pid\ntR.`],
  ['a call of a persistent object', 'pickle.computed-call', `${text('f')}Q)R.`],
  [
    'a dotted name below a harmless module',
    'pickle.attribute-walk collections.abc.sys.modules',
    `${PROTO_4}${stackGlobal('collections', 'abc.sys.modules')}.`,
  ],
  [
    'a dotted name to a known danger',
    'pickle.unsafe-global logging.os.system',
    `${PROTO_4}${stackGlobal('logging', 'os.system')}(${text('id')}tR.`,
  ],
  [
    'a second PROTO that switches dots on',
    'pickle.attribute-walk numpy.core.os.system',
    `${PROTO_2}${PROTO_4}${global('numpy', 'core.os.system')}(${text('id')}tR.`,
  ],
  ['PROTO inside protocol 0', OS_SYSTEM, `N0${PROTO_4}${PAYLOAD}.`],
  [
    'an extension code that the stream registers',
    'pickle.unsafe-global copyreg.add_extension',
    `${global('copyreg', 'add_extension')}(S'os'\nS'system'\nK\x07tR0\x82\x07(S'id'\ntR.`,
  ],
  [
    'what a registered code stands for',
    OS_SYSTEM,
    `ccopy_reg\nadd_extension\n(S'os'\nS'system'\nM\x01\x01tR0\x83\x01\x01(S'id'\ntR.`,
  ],
  ['EXT4 of a code that nobody registered', 'pickle.extension-code', '\x84\x07\0\0\0)R.'],
  [
    'attributes of a module swapped by BUILD',
    'pickle.state-of-import numpy.size',
    `${PROTO_2}${global('numpy', 'size')}N}S'__code__'\nNs\x86b.`,
  ],
  [
    'attributes of builtins reached as a global',
    'pickle.unknown-global numpy.__builtins__',
    `${global('numpy', '__builtins__')}}S'len'\nNsb.`,
  ],
  [
    'a double BUILD',
    'pickle.special-state __setstate__',
    `${global('collections', 'OrderedDict')})\x81}S'__setstate__'\n${global('builtins', 'len')}sb]b.`,
  ],
  [
    'a state of slots',
    'pickle.special-state __class__',
    `${global('argparse', 'Namespace')})\x81N}S'__class__'\n${global('argparse', 'Namespace')}s\x86b.`,
  ],
  [
    'a text that SciPy executes when a distribution gets its state',
    'pickle.special-state _parse_arg_template',
    `${PROTO_4}${stackGlobal('scipy.stats._continuous_distns', 'norm_gen')})\x81}${text('_parse_arg_template')}${text('import os')}sb.`,
  ],
  [
    'a state that is an ordered dict',
    'pickle.special-state __setstate__',
    `${PROTO_4}${global('argparse', 'Namespace')})\x81${global('collections', 'OrderedDict')})R${text('__setstate__')}Nsb.`,
  ],
  [
    'a state made of pairs',
    'pickle.special-state __setstate__',
    `${PROTO_4}${global('argparse', 'Namespace')})\x81${global('collections', 'OrderedDict')}](${text('__setstate__')}N\x86e\x85Rb.`,
  ],
  [
    'a state whose key is computed',
    'pickle.special-state a computed name',
    `${PROTO_4}${global('argparse', 'Namespace')})\x81}${global('builtins', 'str')}${text('__setstate__')}\x85RNsb.`,
  ],
  [
    'APPEND to an object',
    'pickle.method-gadget argparse.Namespace',
    `${global('argparse', 'Namespace')})\x81Na.`,
  ],
  ['APPENDS to an import', 'pickle.method-gadget', `${global('argparse', 'Namespace')}(NNe.`],
  [
    'SETITEM on a tensor',
    'pickle.method-gadget torch._utils._rebuild_tensor_v2',
    `${PROTO_2}${global('torch._utils', '_rebuild_tensor_v2')})RK\x00K\x01s.`,
  ],
  [
    'ADDITEMS to an object',
    'pickle.method-gadget argparse.Namespace',
    `${global('argparse', 'Namespace')})\x81(Ne\x90.`.replace('(Ne\x90', '(N\x90'),
  ],
  ['a result that is called', 'pickle.computed-call', `${global('operator', 'itemgetter')}(K\x01tR(]tR.`],
  [
    'an attribute reached with getattr',
    'pickle.unsafe-call builtins.getattr',
    `${global('builtins', 'getattr')}(${global('collections', 'OrderedDict')}S'__init__'\ntR.`,
  ],
  [
    'a module name computed while loading',
    'pickle.computed-global',
    `${global('builtins', 'str')}(S'os'\ntR${text('system')}\x93.`,
  ],
  [
    'an import through numpy._ufunc_reconstruct',
    'pickle.unsafe-call numpy.core._ufunc_reconstruct',
    `${global('numpy.core', '_ufunc_reconstruct')}(S'os'\nS'system'\ntR.`,
  ],
  ['a class made with type', 'pickle.unsafe-call builtins.type', `${global('builtins', 'type')}(S'x'\n)}tR.`],
  [
    'functools.partial of something unknown',
    'pickle.unsafe-call functools.partial',
    `${global('functools', 'partial')}(${global('mylib', 'run')}tR.`,
  ],
  [
    'functools.partial of something that needs harmless arguments',
    'pickle.unsafe-call functools.partial',
    `${global('functools', 'partial')}(${global('builtins', 'getattr')}tR.`,
  ],
  [
    'a state among the arguments of a tensor',
    'pickle.special-state __class__',
    `${PROTO_2}${global('torch._utils', '_rebuild_parameter_with_state')}(N\x89N}${text('__class__')}NstR.`,
  ],
  [
    'a codec that is none',
    'pickle.unsafe-call _codecs.encode',
    `${global('_codecs', 'encode')}(S'x'\nS'evil'\ntR.`,
  ],
  [
    'a tensor rebuilt by something else',
    'pickle.unsafe-call torch._tensor._rebuild_from_type_v2',
    `${PROTO_2}${global('torch._tensor', '_rebuild_from_type_v2')}(${global('builtins', 'len')}${global('torch', 'Tensor')}))tR.`,
  ],
  ['a dict that is called upon without a name', OS_SYSTEM, `}S'a'\n${PAYLOAD}s.`],
  ['an opcode across the end of a frame', OS_SYSTEM, PROTO_4, frame(3), "cabos\nsystem\n(S'id'\ntR."],
  ['frames inside frames', OS_SYSTEM, PROTO_4, frame(20), frame(2), `N0${PAYLOAD}.`],
  ['a frame longer than the file', OS_SYSTEM, PROTO_4, frame(1000), `${PAYLOAD}.`],
  ['a frame in protocol 0', OS_SYSTEM, frame(2), `N0${PAYLOAD}.`],
  ['NEXT_BUFFER and READONLY_BUFFER', OS_SYSTEM, `\x80\x05\x97\x980${PAYLOAD}.`],
  ['a stream without STOP', OS_SYSTEM, PAYLOAD],
  ['an opcode that does not exist after the payload', OS_SYSTEM, `${PAYLOAD}\xff`],
  ['an argument cut off after the payload', OS_SYSTEM, `${PAYLOAD}X\xff\xff`],
  [
    'a bytearray larger than the file after the payload',
    OS_SYSTEM,
    `${PAYLOAD}\x96\xff\xff\xff\xff\xff\xff\xff\x7f`,
  ],
  ['a memo entry that is missing after the payload', OS_SYSTEM, `${PAYLOAD}h\x63.`],
  ['protocol 6 after the payload', OS_SYSTEM, `${PAYLOAD}\x80\x06.`],
  ['a negative length after the payload', OS_SYSTEM, `${PAYLOAD}\x8b\xff\xff\xff\xff.`],
  ['POP of a mark', OS_SYSTEM, `(0${PAYLOAD}.`],
  ['POP_MARK of what was pushed', OS_SYSTEM, `(NN1${PAYLOAD}.`],
  ['a second pickle', OS_SYSTEM, `N.${PAYLOAD}.`],
  [
    'a second pickle that uses the memo of the first',
    OS_SYSTEM,
    `${PROTO_4}${text('os')}\x94.${PROTO_4}h\x00${text('system')}\x93(${text('id')}tR.`,
  ],
  [
    'a pickle behind junk',
    'pickle.hidden-pickle os.system',
    `${PROTO_2}N.\xff\xfe junk ${PROTO_2}${PAYLOAD}.`,
  ],
  ['an old pickle behind junk', 'pickle.hidden-pickle os.system', `${PROTO_2}N.\xff\xfe junk ${PAYLOAD}.`],
  [
    'the fourth pickle of an old torch file',
    OS_SYSTEM,
    `${TORCH_MAGIC}${PROTO_2}M\xe9\x03.${PROTO_2}}.${PROTO_2}${PAYLOAD}.${PROTO_2}].`,
  ],
  [
    'a hexadecimal INT inside an old torch file',
    OS_SYSTEM,
    `${TORCH_MAGIC}${PROTO_2}M\xe9\x03.${PROTO_2}}.${PROTO_2}I0x10\n0${PAYLOAD}.${PROTO_2}].`,
  ],
  [
    'the magic number of torch made by eval',
    'pickle.unsafe-global builtins.eval',
    `${PROTO_2}cbuiltins\neval\n(S'MAGIC_NUMBER'\ntR.${PROTO_2}N.`,
  ],
  [
    'a payload behind an array in a joblib stream',
    OS_SYSTEM,
    `${PROTO_4}(${WRAPPER}${wrapperState(4)}`,
    'ab.\xff',
    `${PAYLOAD}t.`,
  ],
  [
    'an array of objects in a joblib stream',
    OS_SYSTEM,
    `${PROTO_4}(${WRAPPER}${wrapperState(1, 'O8')}`,
    `${PROTO_2}${PAYLOAD}.`,
    't.',
  ],
  [
    'a pickle in the bytes of a joblib array, for pickle.load',
    OS_SYSTEM,
    `${PROTO_4}(${WRAPPER}${wrapperState(PAYLOAD.length + 2)}`,
    `${PAYLOAD}t.`,
    't.',
  ],
  [
    'a pickle in a bytes constant',
    'pickle.nested-payload os.system',
    `${PROTO_4}}${text('w')}`,
    binBytes(bytes(PROTO_2, PAYLOAD, '.')),
    's.',
  ],
  [
    'a pickle in a base64 text',
    'pickle.nested-payload os.system',
    `${PROTO_4}}${text('w')}${text(bytes(PROTO_4, PAYLOAD, '.').toString('base64'))}s.`,
  ],
  [
    'a torch file in torch.storage._load_from_bytes',
    OS_SYSTEM,
    `${PROTO_2}${global('torch.storage', '_load_from_bytes')}`,
    binBytes(bytes(TORCH_MAGIC, PROTO_2, PAYLOAD, '.')),
    '\x85R.',
  ],
  [
    'a loader called on bytes',
    'pickle.unsafe-global pandas.io.pickle.read_pickle',
    `${global('pandas.io.pickle', 'read_pickle')}(S'x'\ntR.`,
  ],
  [
    'a function rebuilt from bytecode',
    'pickle.unsafe-global cloudpickle.cloudpickle._make_function',
    `${global('cloudpickle.cloudpickle', '_make_function')}(NNtR.`,
  ],
]

describe('a scan sees through', () => {
  test.each(EXECUTED)('%s', (_fact, expected, ...pieces) => {
    expect(blamed(scan(...pieces))).toContainEqual(expect.stringContaining(expected))
  })

  test('a million padding opcodes', () => {
    expect(blamed(scan('N0'.repeat(1_000_000), PAYLOAD, '.'))).toContain(OS_SYSTEM)
  })

  test('sixty megabytes of padding', () => {
    expect(blamed(scan(binBytes(Buffer.alloc(60_000_000, 0x2e)), '0', PAYLOAD, '.'))).toContain(OS_SYSTEM)
  })

  test('a state of a hundred thousand harmless keys before a special one', () => {
    const keys = Array.from({ length: 90_000 }, (_, index) => `${text(`k${index}`)}N`).join('')
    const object = `${global('argparse', 'Namespace')})\x81`
    expect(blamed(scan(PROTO_4, object, `}(${keys}${text('__class__')}Nub.`))).toContain(
      'pickle.special-state __class__',
    )
  })

  test('a NumPy header longer than NumPy reads by itself', () => {
    const header = `{'descr': '|O', 'fortran_order': False, 'shape': (1,), }${' '.repeat(60_000)}\n`
    const file = bytes('\x93NUMPY\x01\x00', little(header.length, 2), header, PROTO_2, PAYLOAD, '.')
    expect(blamed(scanNumpy(memorySource(file), CONTEXT))).toContain(OS_SYSTEM)
  })

  test('a NumPy file that says it holds numbers', () => {
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }\n"
    const file = bytes('\x93NUMPY\x02\x00', little(header.length, 4), header, PROTO_2, PAYLOAD, '.')
    expect(blamed(scanNumpy(memorySource(file), CONTEXT))).toContain(OS_SYSTEM)
  })
})

describe('a scan that cannot read on', () => {
  test.each([
    ['a stack that is empty', '\x93.'],
    ['an opcode that does not exist', '\x80\x04\xff'],
    ['nothing at all', ''],
    ['a mark that is missing', 't.'],
  ])('says so of %s', (_fact, stream) => {
    const { findings } = scan(stream)
    expect(findings.some(({ rule }) => rule.isUnread === true)).toBe(true)
  })

  test('ends on doubling data within its budget', () => {
    const laughs = scan(`${PROTO_4}]\x94${'(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00e'.repeat(200_000)}.`)
    expect(laughs.isPickle).toBe(true)
  })

  test.each([
    ['headers without end behind a pickle', `N.${'\x80\x04'.repeat(2_000_000)}`],
    [
      'memo indexes far apart',
      `N${Array.from({ length: 200_000 }, (_, index) => `r${little(index * 20_000, 4).toString('latin1')}`).join('')}.`,
    ],
    [
      'arrays of objects without end in one frame',
      bytes(PROTO_4, frame(wide.length), wide, `${PROTO_2}${'N0'.repeat(300_000)}N.`).toString('latin1'),
    ],
  ])('ends soon on %s', (_fact, stream) => {
    const started = process.cpuUsage().user
    scan(stream)
    expect(process.cpuUsage().user - started).toBeLessThan(5_000_000)
  })

  test('ends on tuples nested a million deep', () => {
    expect(blamed(scan(`N${'\x85'.repeat(1_000_000)}.`))).toEqual([])
  })
})

const HARMLESS: readonly [fact: string, ...pieces: (string | Uint8Array)[]][] = [
  ['plain data', `${PROTO_4}}(${text('a')}](K\x01K\x02e${text('b')}(K\x01G${'\0'.repeat(8)}tu.`],
  ['an ordered dict', `${PROTO_2}${global('collections', 'OrderedDict')})R(${text('a')}K\x01u.`],
  ['a set of Python 2', `${PROTO_2}c__builtin__\nset\n](K\x01e\x85R.`],
  ['bytes of protocol 2', `${PROTO_2}c_codecs\nencode\n${text('a')}${text('latin1')}\x86R.`],
  [
    'an estimator',
    `${PROTO_4}${stackGlobal('sklearn.linear_model._logistic', 'LogisticRegression')})\x81}${text('C')}K\x01sb.`,
  ],
  ['an array of numbers in a joblib stream', `${PROTO_4}(${WRAPPER}${wrapperState(4)}`, 'cos\n', 'Nt.'],
  [
    'an old torch file',
    `${TORCH_MAGIC}${PROTO_2}M\xe9\x03.${PROTO_2}}.${PROTO_2}}.${PROTO_2}].`,
    Buffer.alloc(64, 0x63),
  ],
  [
    'a time zone of pandas',
    `${global('builtins', 'getattr')}(${global('zoneinfo', 'ZoneInfo')}S'_unpickle'\ntR(S'UTC'\nK\x01tR.`,
  ],
  [
    'a member of an enumeration',
    `${global('builtins', 'getattr')}(${global('http', 'HTTPStatus')}S'OK'\ntR.`,
  ],
]

describe('a scan does not blame', () => {
  test.each(HARMLESS)('%s', (_fact, ...pieces) => {
    const { findings } = scan(...pieces)
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  test('a global that the operator vouches for', () => {
    const stream = memorySource(bytes(PROTO_4, stackGlobal('mylib', 'Model'), `)\x81}${text('a')}Nsb.`))
    expect(blamed(scanPickle(stream, CONTEXT))).toEqual([
      'pickle.unknown-global mylib.Model',
      'pickle.unknown-global mylib.Model',
    ])
    expect(blamed(scanPickle(stream, { ...CONTEXT, allowGlobals: new Set(['mylib.Model']) }))).toEqual([])
  })

  test('bytes that only begin like a pickle', () => {
    const random = memorySource(Buffer.from('80029a77c3a1b2d4e5f60718293a4b5c6d7e8f', 'hex'))
    expect(scanPickle(random, { ...CONTEXT, isClaimed: false })).toMatchObject({
      isPickle: false,
      findings: [],
    })
  })

  test('classes that an archive of TorchScript defines itself', () => {
    const stream = memorySource(bytes(PROTO_2, global('__torch__.model', 'Net'), ')\x81}b.'))
    expect(blamed(scanPickle(stream, { ...CONTEXT, profile: 'torchscript' }))).toEqual([])
    expect(blamed(scanPickle(stream, CONTEXT))).not.toEqual([])
  })
})
