"""Writes the tables of harmless classes: src/supply/scan/pickle/trust/libraries/*.ts.

usage: python3 library-classes.py OUT_DIRECTORY SOURCE_DIRECTORY...

Each SOURCE_DIRECTORY is an unpacked wheel; give several versions of a library, so that the names that older versions
pickle are known too. Sources are parsed and never imported, except extension modules of libraries that this Python has
installed (their classes have no source).

A class is harmless when making it without __init__ and giving it any state does nothing but hold data. So one is left
out when it, or a base of it in the same library, has __del__ or __getattribute__, or when a method that the loader calls
(__new__, __setstate__, ...), or a method that such a method calls on itself, names something which imports, evaluates,
opens or starts anything. scipy.stats is kept: policy.ts checks the one attribute that its __setstate__ executes.
"""
import ast, collections, importlib, inspect, os, pkgutil, re, sys

#: library -> packages in scope (prefixes); everything else of it is left out
SCOPE = {
    "sklearn": ["sklearn"],
    "imblearn": ["imblearn"],
    "category_encoders": ["category_encoders"],
    "scipy": ["scipy.sparse", "scipy.interpolate", "scipy.spatial", "scipy.stats", "scipy.optimize", "scipy.signal", "scipy._lib._bunch"],
    "numpy": ["numpy.random", "numpy.ma", "numpy.polynomial", "numpy.core.records", "numpy._core.records", "numpy.matrixlib", "numpy.rec"],
    "pandas": ["pandas.core", "pandas.indexes", "pandas._libs", "pandas.tseries", "pandas.arrays", "pandas.api.typing"],
    "xgboost": ["xgboost.core", "xgboost.sklearn", "xgboost.callback", "xgboost.compat"],
    "lightgbm": ["lightgbm.basic", "lightgbm.sklearn", "lightgbm.compat", "lightgbm.callback"],
    "catboost": ["catboost.core"],
    "statsmodels": ["statsmodels"],
    "hmmlearn": ["hmmlearn"],
    "umap": ["umap.umap_"],
    "hdbscan": ["hdbscan"],
    "networkx": ["networkx.classes"],
    "joblib": ["joblib.numpy_pickle", "joblib.numpy_pickle_compat"],
    "torch": ["torch.nn.modules", "torch.nn.parameter", "torch.nn.parallel", "torch.optim", "torch.distributions", "torch.ao.nn", "torch.nn.quantized", "torch.nn.intrinsic", "torch.quantization", "torch.ao.quantization", "torch.utils.data.dataset", "torch.utils.data.sampler", "torch.utils.data.dataloader"],
    "torchvision": ["torchvision.models", "torchvision.ops", "torchvision.transforms"],
    "torchmetrics": ["torchmetrics"],
    "timm": ["timm.models", "timm.layers"],
    "torch_geometric": ["torch_geometric.nn", "torch_geometric.data.data", "torch_geometric.data.storage"],
    "transformers": ["transformers.training_args", "transformers.trainer_utils", "transformers.trainer_pt_utils", "transformers.training_args_seq2seq", "transformers.trainer_callback", "transformers.utils.generic", "transformers.configuration_utils", "transformers.generation.configuration_utils", *(f"transformers.models.{model}" for model in ("bert", "roberta", "distilbert", "gpt2", "t5", "vit", "bart", "llama", "clip", "whisper", "albert", "xlm_roberta")), "transformers.modeling_outputs", "transformers.activations", "transformers.tokenization_utils_base"],
    "accelerate": ["accelerate.utils.dataclasses", "accelerate.state"],
    "peft": ["peft.tuners", "peft.utils.peft_types", "peft.config"],
    "sentence_transformers": ["sentence_transformers.models"],
    "omegaconf": ["omegaconf"],
    "pytorch_lightning": ["pytorch_lightning.callbacks", "pytorch_lightning.utilities.parsing", "pytorch_lightning.utilities.enums"],
    "lightning": ["lightning.pytorch.callbacks", "lightning.pytorch.utilities.parsing", "lightning.fabric.utilities.data"],
    "gensim": ["gensim.models", "gensim.corpora.dictionary"],
    "nltk": ["nltk.tokenize", "nltk.stem", "nltk.probability"],
    "ultralytics": ["ultralytics.nn", "ultralytics.utils"],
}
#: modules whose public functions may be mentioned (never called) by a stream
FUNCTIONS = ["sklearn.metrics", "sklearn.feature_selection", "sklearn.preprocessing", "sklearn.gaussian_process.kernels", "sklearn.linear_model._base", "sklearn.utils._encode", "torch.nn.functional", "torch.nn.init", "scipy.stats", "lightgbm.callback", "transformers.activations", "torchvision.transforms.functional", "timm.layers"]
EXCLUDED = {"tests", "test", "testing", "_testing", "conftest", "externals", "_build_utils", "setup", "_vendor", "examples", "benchmarks", "cli", "commands", "scripts", "datasets", "_config", "plotting", "_plotting", "io", "pytest_plugin", "extending", "hub", "_hub"}
SUSPECT = re.compile(r"\b(eval|exec|compile|__import__|import_module|importlib|open|subprocess|popen|system|loads?|pickle|CDLL|ctypes|LoadLibrary|rmtree|unlink|globals|urlopen|requests|socket|kill|terminate|os|sys|shutil|tempfile|from_pretrained|Thread|Process|torch_load|GraphModule|resolve\w*)\s*[.(]")
#: reviewed by hand: what makes the rule above speak does no harm
REVIEWED = {
    "xgboost.core": "Booster DMatrix QuantileDMatrix",
    "xgboost.sklearn": "XGBModel",
    "lightgbm.basic": "Booster Dataset _InnerPredictor",
    "catboost.core": "_CatBoostBase CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker Pool",
    "scipy.stats._distn_infrastructure": "rv_generic rv_continuous rv_discrete rv_sample",
    "scipy.sparse._compressed": "_cs_matrix",
    "scipy.sparse.compressed": "_cs_matrix",
    "scipy.sparse._base": "_spbase spmatrix",
    "scipy.sparse.base": "spmatrix",
    "scipy.sparse._index": "IndexMixin",
    "scipy.sparse._lil": "_lil_base lil_matrix",
    "scipy.sparse.lil": "lil_matrix",
    "scipy.sparse._coo": "_coo_base coo_matrix",
    "scipy.sparse.coo": "coo_matrix",
    "sklearn.gaussian_process.kernels": "Kernel Hyperparameter",
    "sklearn.isotonic": "IsotonicRegression",
    "numpy.matrixlib.defmatrix": "matrix",
    "pandas.core.dtypes.base": "ExtensionDtype",
    "pandas.core.indexes.base": "Index",
    "pandas.core.indexes.numeric": "NumericIndex",
    "pandas.core.internals.blocks": "Block",
    "pandas.core.internals.managers": "BlockManager SingleBlockManager",
    "pandas.tseries.offsets": "Tick",
    "pandas.core.generic": "NDFrame",
    "pandas.core.arraylike": "OpsMixin",
    "pandas.core.indexes.timedeltas": "TimedeltaIndex",
    "pandas.core.indexes.period": "PeriodIndex",
    "pandas.core.indexes.multi": "MultiIndex",
    "pandas.core.indexes.datetimes": "DatetimeIndex",
    "pandas.core.dtypes.dtypes": "SparseDtype PeriodDtype PandasDtype NumpyEADtype IntervalDtype CategoricalDtype",
    "pandas.core.arrays.sparse.dtype": "SparseDtype",
    "pandas.core.arrays.sparse.array": "SparseArray",
    "pandas.core.arrays.sparse": "SparseDtype SparseArray",
    "pandas.core.arrays.numpy_": "PandasDtype",
    "pandas.core.arrays.interval": "IntervalArray",
    "pandas.core.arrays.categorical": "Categorical",
    "torch.nn.modules.module": "Module",
    "torch.nn.parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
    "torch.optim.optimizer": "Optimizer",
    "torch.optim._adafactor": "Adafactor",
    "torch.nn.modules.rnn": "RNNBase",
    "torch.nn.quantized.modules.linear": "LinearPackedParams",
    "torch.ao.nn.quantized.modules.linear": "LinearPackedParams",
    "torch.nn.quantized.modules.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "torch.ao.nn.quantized.modules.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "torch.distributions.transforms": "PowerTransform AffineTransform",
    "torchmetrics.metric": "Metric",
    "transformers.utils.generic": "ModelOutput",
    "transformers.file_utils": "ModelOutput",
    "transformers.configuration_utils": "PreTrainedConfig PretrainedConfig",
    "statsmodels.base.wrapper": "ResultsWrapper",
    "omegaconf.nodes": "FloatNode",
    "omegaconf.listconfig": "ListConfig",
    "omegaconf.dictconfig": "DictConfig",
    "omegaconf.tupleconfig": "TupleConfig",
    "omegaconf.basecontainer": "BaseContainer",
    "networkx.classes.graph": "Graph",
    "networkx.classes.digraph": "DiGraph",
    "networkx.classes.multigraph": "MultiGraph",
    "networkx.classes.multidigraph": "MultiDiGraph",
}
CONTAINERS = {"dict", "list", "set", "OrderedDict", "defaultdict", "UserDict", "UserList", "Counter", "deque", "Dict", "List", "MutableMapping", "ModelOutput"}
ENUMS = {"Enum", "IntEnum", "Flag", "IntFlag", "StrEnum", "ExplicitEnum", "str_enum"}
#: what a loader calls of a class that it makes instances of
GUARDED = ("__new__", "__setstate__", "__getattr__", "__setattr__", "__hash__", "__eq__")
GUARDED_CONTAINER = ("__setitem__", "append", "extend", "add", "update")
#: what such a method may call besides methods of its own class; anything else leaves the class out until it is reviewed
SAFE_CALLS = set("""
    super isinstance issubclass hasattr getattr setattr delattr len dict list tuple set frozenset str int float bool type object
    range zip enumerate sorted reversed any all min max abs sum map iter next repr id hash callable vars format print
    update items keys values pop get setdefault copy append extend add insert index remove discard clear count sort
    startswith endswith split join strip replace lower upper encode decode popitem move_to_end
    __new__ __init__ __setstate__ __getattr__ __setattr__ __getattribute__ __setitem__ __getitem__ __hash__ __eq__ __delattr__
    __reduce__ __class__ __init_subclass__ __post_init__ fromkeys mro
    warn warn_deprecated deprecate ValueError TypeError AttributeError KeyError NotImplementedError RuntimeError IndexError
    DeprecationWarning FutureWarning UserWarning InconsistentVersionWarning Version
    OrderedDict defaultdict Counter deque namedtuple WeakKeyDictionary WeakValueDictionary WeakSet ref proxy
    array asarray asanyarray zeros ones empty arange shape reshape view astype ascontiguousarray array_equal equal dtype ndarray
    dataclass field replace field_names is_tensor tensor RLock Lock deepcopy
""".split())


class Library:
    def __init__(self):
        self.classes = {}  # (module, name) -> (bases, reason or None, is_extension)
        self.functions = collections.defaultdict(set)
        self.by_name = collections.defaultdict(list)
        self.methods = {}


def module_of(path, root):
    parts = os.path.relpath(path, root)[:-3].split(os.sep)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def in_scope(module):
    scope = SCOPE.get(module.split(".")[0])
    if scope is None or EXCLUDED & set(module.split(".")):
        return False
    return any(module == prefix or module.startswith(prefix + ".") for prefix in scope)


def base_name(node):
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "?"


def read_sources(root, library):
    for folder, folders, files in os.walk(root):
        if folder == root:
            folders[:] = [name for name in folders if name in SCOPE]
        for file in files:
            if not file.endswith(".py"):
                continue
            path = os.path.join(folder, file)
            module = module_of(path, root)
            scoped = in_scope(module)
            if not scoped and not any(module == f or module.startswith(f + ".") for f in FUNCTIONS):
                continue
            try:
                text = open(path, encoding="utf-8").read()
                tree = ast.parse(text)
                lines = text.splitlines()
            except (SyntaxError, UnicodeDecodeError, ValueError):
                continue
            for node in walk_top(tree.body):
                if isinstance(node, ast.ClassDef):
                    reason = None
                    methods = {}
                    for item in node.body:
                        if not isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                            continue
                        if item.name in ("__del__", "__getattribute__", "__getinitargs__"):
                            reason = item.name
                        body = "\n".join(lines[item.lineno - 1 : item.end_lineno])
                        methods[item.name] = (SUSPECT.search(body), *calls_of(item))
                    library.methods.setdefault((module, node.name), methods)
                    library.classes.setdefault((module, node.name), ([base_name(b) for b in node.bases], reason, False, scoped))
                    library.by_name[node.name].append((module, node.name))
                elif isinstance(node, ast.FunctionDef) and any(module == f or module.startswith(f + ".") for f in FUNCTIONS):
                    if not EXCLUDED & set(module.split(".")) and not re.search(r"load|fetch|open|save|dump|exec|eval|import", node.name):
                        library.functions[module].add(node.name)
                elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and base_name(node.value.func) in ("namedtuple", "_make_tuple_bunch"):
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            library.classes.setdefault((module, target.id), (["tuple"], None, False, scoped))


def calls_of(function):
    """(names called on self, names called on anything else)"""
    own, other = set(), set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            other.add(called.id)
        elif isinstance(called, ast.Attribute):
            base = called.value
            is_own = isinstance(base, ast.Name) and base.id in ("self", "cls") or isinstance(base, ast.Call) and base_name(base.func) == "super"
            (own if is_own else other).add(called.attr)
        else:
            other.add("?")
    return own, other


def walk_top(body):
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from walk_top(node.body)
            yield from walk_top(node.orelse)
            for handler in getattr(node, "handlers", []):
                yield from walk_top(handler.body)


def read_extensions(library):
    for root in SCOPE:
        try:
            package = importlib.import_module(root)
        except Exception:
            continue
        for info in pkgutil.walk_packages(package.__path__, root + ".", onerror=lambda name: None):
            if EXCLUDED & set(info.name.split(".")) or not in_scope(info.name):
                continue
            try:
                module = importlib.import_module(info.name)
            except BaseException:
                continue
            for name, value in vars(module).items():
                if not inspect.isclass(value) or not str(value.__module__).startswith(root):
                    continue
                key = (value.__module__, value.__qualname__)
                if "." in value.__qualname__ or "<" in value.__qualname__:
                    continue
                is_extension = not hasattr(module, "__file__") or not str(module.__file__).endswith(".py")
                source = library.classes.get((info.name, value.__name__))
                if is_extension and value.__module__ == info.name:
                    library.classes.setdefault(key, ([b.__name__ for b in value.__bases__], None, True, True))
                elif source is not None and key not in library.classes:
                    # Pickled under the name of a package that shows it, as pandas does.
                    library.classes[key] = (source[0], source[1], source[2], True)


def family(library, key, seen=()):
    """The class and its bases in the library, nearest first."""
    yield key
    for base in library.classes[key][0]:
        candidates = [c for c in library.by_name.get(base, []) if c[0].split(".")[0] == key[0].split(".")[0] and c != key and c not in seen]
        for candidate in ([c for c in candidates if c[0] == key[0]] or candidates[:1])[:1]:
            yield from family(library, candidate, (*seen, key))


def suspect_method(library, key, names):
    """Why a method that a loader calls is not harmless, with what it calls on itself."""
    classes = list(family(library, key))
    todo, done = list(names), set()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        for owner in classes:
            method = library.methods.get(owner, {}).get(name)
            if method is None:
                continue
            found, called, other = method
            if owner[1] in REVIEWED.get(owner[0], "").split():
                break
            unknown = sorted(other - SAFE_CALLS)
            if unknown or found and found.group(1) not in ("getattr", "setattr"):
                return f"{owner[0]}.{owner[1]}.{name} calls {unknown or found.group(0)}"
            todo += called
            break
        else:
            if name not in SAFE_CALLS and name not in GUARDED + GUARDED_CONTAINER:
                return f"a base outside of the sources defines {name}"
    return None


def verdict(library, key, seen=()):
    """(reason, kinds) over the class and its bases in the library."""
    bases, reason, is_extension, _ = library.classes[key]
    kinds = set()
    if key[1] in REVIEWED.get(key[0], "").split():
        reason = None
    if is_extension:
        kinds.add("call")
    for base in bases:
        if base in CONTAINERS:
            kinds.add("container")
        if base in ENUMS:
            kinds.add("call")
        candidates = [c for c in library.by_name.get(base, []) if c[0].split(".")[0] == key[0].split(".")[0] and c != key and c not in seen]
        same = [c for c in candidates if c[0] == key[0]] or candidates[:1]
        for candidate in same[:1]:
            inherited, more = verdict(library, candidate, (*seen, key))
            kinds |= more
            if candidate[1] not in REVIEWED.get(candidate[0], "").split():
                reason = reason or inherited
    return reason, kinds


def main(out, roots):
    library = Library()
    for root in roots:
        read_sources(root, library)
    read_extensions(library)
    tables = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(set)))
    for key, (_, _, _, scoped) in library.classes.items():
        module, name = key
        if not scoped or name.startswith("__"):
            continue
        reason, kinds = verdict(library, key)
        if reason is None and name not in REVIEWED.get(module, "").split():
            reason = suspect_method(library, key, GUARDED + (GUARDED_CONTAINER if "container" in kinds else ()))
        if reason is not None:
            print("left out", module, name, reason, file=sys.stderr)
            continue
        kind = "calledContainers" if kinds >= {"call", "container"} else "containers" if "container" in kinds else "called" if "call" in kinds else "classes"
        tables[module.split(".")[0]][kind][module].add(name)
    for module, names in library.functions.items():
        known = {name for kind in ("classes", "called", "containers", "calledContainers") for name in tables[module.split(".")[0]][kind][module]}
        tables[module.split(".")[0]]["functions"][module] |= names - known
    os.makedirs(out, exist_ok=True)
    total = 0
    for root, kinds in sorted(tables.items()):
        lines = ["// Generated by scripts/scan/library-classes.py from the library's own sources.", "import type { LibraryTable } from '../library.ts'", "", f"export const {root.upper()}: LibraryTable = {{"]
        for kind in ("classes", "called", "containers", "functions"):
            lines.append(f"  {kind}: {{")
            for module, names in sorted(kinds.get(kind, {}).items()):
                if names:
                    total += len(names)
                    lines.append(f"    '{module}': '{' '.join(sorted(names))}',")
            lines.append("  },")
        lines.append("}")
        with open(os.path.join(out, root.replace("_", "-") + ".ts"), "w") as file:
            file.write("\n".join(lines) + "\n")
    print(total, "names", file=sys.stderr)


main(sys.argv[1], sys.argv[2:])
