import { CALL, CONTAINER, INSTANCE, REFERENCE, type TrustGroup } from './trust.ts'

/**
 * Data types of Python's standard library and what pickle itself calls. Nothing here imports, opens, evaluates or
 * reaches an attribute by name without a check of its arguments.
 */
export const STANDARD: readonly TrustGroup[] = [
  {
    uses: INSTANCE | CALL,
    args: 'any',
    names: {
      builtins:
        'complex float int bool bytes bytearray set frozenset list tuple dict object slice range str memoryview ' +
        'ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError ' +
        'BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ' +
        'ConnectionResetError DeprecationWarning EOFError EncodingWarning EnvironmentError Exception ExceptionGroup ' +
        'FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError ' +
        'ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt ' +
        'LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError ' +
        'OverflowError PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError ' +
        'ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning ' +
        'SystemError TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError ' +
        'UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError',
      array: 'array',
      datetime: 'date datetime time timedelta timezone tzinfo',
      decimal: 'Decimal Context',
      _decimal: 'Decimal',
      fractions: 'Fraction',
      ipaddress: 'IPv4Address IPv6Address IPv4Network IPv6Network IPv4Interface IPv6Interface',
      itertools: 'count cycle repeat chain islice product permutations combinations',
      operator: 'itemgetter',
      random: 'Random',
      re: 'RegexFlag',
      time: 'struct_time',
      types: 'SimpleNamespace MappingProxyType',
      uuid: 'UUID SafeUUID',
      'dateutil.tz.tz': 'tzutc tzlocal tzoffset tzfile',
      'dateutil.relativedelta': 'relativedelta',
      'dateutil._common': 'weekday',
      pytz: '_UTC _p FixedOffset',
      'pytz.tzinfo': 'DstTzInfo StaticTzInfo',
      socket: 'AddressFamily SocketKind',
      signal: 'Signals',
      http: 'HTTPStatus',
      statistics: 'NormalDist',
      'xml.etree.ElementTree': 'Element',
    },
  },
  {
    uses: INSTANCE | CALL | CONTAINER,
    args: 'any',
    names: {
      collections: 'OrderedDict defaultdict Counter deque ChainMap UserDict UserList UserString',
      _collections: 'OrderedDict defaultdict deque',
    },
  },
  {
    // Instances whose state is data; their `__init__` is not needed to make them.
    uses: INSTANCE,
    args: 'any',
    names: {
      argparse: 'Namespace',
      _io: 'BytesIO StringIO',
      io: 'BytesIO StringIO',
      string: 'Template',
      types: 'GenericAlias',
    },
  },
  {
    uses: CALL,
    args: 'reconstructor',
    names: { copyreg: '_reconstructor __newobj__ __newobj_ex__' },
  },
  { uses: CALL, args: 'codec', names: { _codecs: 'encode', codecs: 'encode' } },
  { uses: CALL, args: 'class-first', names: { array: '_array_reconstructor' } },
  { uses: CALL, args: 'none-type', names: { builtins: 'type' } },
  { uses: CALL, args: 'attribute', names: { builtins: 'getattr' } },
  { uses: CALL | INSTANCE, args: 'partial', names: { functools: 'partial', _functools: 'partial' } },
  {
    uses: CALL,
    args: 'texts',
    names: {
      re: '_compile compile',
      pathlib: 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath',
      'pathlib._local': 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath',
      zoneinfo: 'ZoneInfo._unpickle ZoneInfo',
      logging: 'getLogger',
    },
  },
  {
    // Mentioned as data: factories of a defaultdict, types of a column, keys of a sort.
    uses: REFERENCE,
    args: 'any',
    names: {
      builtins:
        'len abs min max sum sorted round any all hash id isinstance callable Ellipsis NotImplemented NoneType ' +
        'divmod pow reversed enumerate zip bin hex oct ord chr repr ascii format staticmethod classmethod property super',
      operator:
        'add sub mul truediv floordiv mod neg pos abs and_ or_ xor invert not_ lt le eq ne gt ge contains getitem ' +
        'matmul lshift rshift index truth is_ is_not concat',
      _operator:
        'add sub mul truediv floordiv mod neg pos abs and_ or_ xor invert not_ lt le eq ne gt ge contains getitem matmul itemgetter',
      math: 'sqrt log log2 log10 log1p exp expm1 sin cos tan tanh sinh cosh floor ceil fabs pow isnan isinf pi e inf nan',
      typing:
        'Any Union Optional List Dict Tuple Set FrozenSet Callable Sequence Mapping Iterable Type Literal',
      'collections.abc':
        'Mapping Sequence Iterable Callable Hashable Sized Set MutableMapping MutableSequence',
      numbers: 'Number Real Integral Complex Rational',
      string: 'capwords',
      decimal: 'ROUND_HALF_EVEN ROUND_HALF_UP InvalidOperation DivisionByZero Overflow Inexact Rounded',
    },
  },
]
