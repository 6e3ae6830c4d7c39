/**
 * Names known to run code, start processes, open files or reach the network. The list raises the severity and says why;
 * what is on neither list is refused all the same.
 */

const RUNS = 'runs code'
const IMPORTS = 'imports modules or reaches attributes by name'
const PROCESS = 'starts processes or controls the system'
const FILES = 'reads, writes or deletes files'
const NETWORK = 'reaches the network'
const LOADS = 'loads another pickle or code object'
const NATIVE = 'loads native code or touches memory'

/** Whole packages: the module itself and all below it. */
const PACKAGES: ReadonlyMap<string, string> = new Map(
  (
    [
      [
        PROCESS,
        'os posix nt subprocess commands popen2 pty signal multiprocessing _posixsubprocess posixpath ntpath sys pip setuptools distutils venv ensurepip webbrowser _aix_support _osx_support antigravity',
      ],
      [
        RUNS,
        'runpy code codeop timeit profile cProfile trace doctest bdb pdb idlelib test unittest asyncio concurrent threading _thread sched atexit lib2to3 IPython numba pexpect paramiko fabric',
      ],
      [
        IMPORTS,
        'importlib imp pkgutil pydoc inspect ast gc site zipimport _frozen_importlib _frozen_importlib_external linecache traceback modulefinder',
      ],
      [
        FILES,
        'shutil tempfile glob fileinput dbm sqlite3 zipfile tarfile gzip bz2 lzma mmap fcntl nturl2path filecmp logging.config logging.handlers',
      ],
      [
        NETWORK,
        'socket ssl http urllib urllib2 urllib3 httplib requests aiohttp httpx ftplib smtplib imaplib poplib telnetlib xmlrpc socketserver asyncore nntplib',
      ],
      [
        LOADS,
        'pickle _pickle cPickle dill cloudpickle marshal shelve joblib.numpy_pickle_utils yaml jsonpickle',
      ],
      [NATIVE, 'ctypes _ctypes cffi llvmlite'],
    ] as const
  ).flatMap(([reason, names]) => names.split(' ').map((name): [string, string] => [name, reason])),
)

const NAMES: ReadonlyMap<string, string> = new Map(
  (
    [
      [
        RUNS,
        'builtins.eval builtins.exec builtins.compile builtins.execfile builtins.breakpoint builtins.map builtins.filter builtins.apply builtins.input builtins.exit builtins.quit functools.reduce functools.singledispatch itertools.starmap itertools.accumulate types.FunctionType types.CodeType types.MethodType types.LambdaType types.ModuleType types.DynamicClassAttribute weakref.finalize contextlib.ExitStack numpy.f2py.crackfortran.myeval numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran._eval_length numpy.testing._private.utils.runstring numpy.testing._private.utils.measure numpy.testing._private.utils.rundocs numpy.vectorize numpy.apply_along_axis pandas.eval pandas.core.computation.eval.eval sympy.sympify torch.utils.bottleneck.__main__.run_autograd_prof torch.utils.bottleneck.__main__.run_cprofile torch.utils.collect_env.run torch._inductor.codecache.compile_file torch.jit.unsupported_tensor_ops.execWrapper torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch.utils._config_module.ConfigModule.load_config torch.distributed.rpc.rpc_sync torch._dynamo.guards.GuardBuilder.get torch.utils.data.datapipes.utils.decoder.basichandlers typing.ForwardRef typing.get_type_hints sklearn.utils.fixes.parse_version',
      ],
      [PROCESS, 'uuid._get_command_stdout uuid._popen torch.utils.collect_env _pyrepl.pager'],
      [
        IMPORTS,
        'builtins.__import__ builtins.getattr builtins.setattr builtins.delattr builtins.vars builtins.globals builtins.locals builtins.dir operator.attrgetter operator.methodcaller _operator.attrgetter _operator.methodcaller string.Formatter string.Formatter.vformat string.Formatter.format numpy.core._ufunc_reconstruct numpy._core._ufunc_reconstruct copyreg.add_extension copyreg.pickle copyreg.constructor types.resolve_bases',
      ],
      [
        FILES,
        'builtins.open _io.open _io.FileIO _io.open_code io.open io.FileIO io.open_code codecs.open pathlib.Path.write_text pathlib.Path.read_text numpy.memmap numpy.save numpy.savez numpy.savetxt numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.lib.format.open_memmap logging.FileHandler logging.handlers.RotatingFileHandler logging.config.fileConfig xml.etree.ElementTree.parse pandas.read_csv pandas.DataFrame.to_csv torch.save torch.from_file skops.io.dump configparser.ConfigParser.read distutils.file_util.write_file',
      ],
      [
        LOADS,
        'numpy.load numpy.lib.npyio.load numpy.lib._npyio_impl.load numpy.lib.format.read_array joblib.load joblib.numpy_pickle.load pandas.read_pickle pandas.io.pickle.read_pickle torch.load torch.serialization.load torch.jit.load torch.hub.load torch.package.PackageImporter torch.distributed.checkpoint.load keras.models.load_model tensorflow.keras.models.load_model tensorflow.saved_model.load skops.io.load',
      ],
      [
        NATIVE,
        'numpy.ctypeslib.load_library numpy.ctypeslib._ctypeslib.load_library torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline',
      ],
      [NETWORK, 'torch.hub.download_url_to_file torch.hub.load_state_dict_from_url datasets.load_dataset'],
    ] as const
  ).flatMap(([reason, names]) => names.split(' ').map((name): [string, string] => [name, reason])),
)

/** Why a global is known to be dangerous, or undefined. `name` may be dotted. */
export function dangerOf(module: string, name: string): string | undefined {
  const path = name === '' ? module : `${module}.${name}`
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const prefix = path.slice(0, end)
    const reason = NAMES.get(prefix) ?? PACKAGES.get(prefix)
    if (reason !== undefined) return reason
  }
  return undefined
}
