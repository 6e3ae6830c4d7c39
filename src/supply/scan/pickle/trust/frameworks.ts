import { CALL, INSTANCE, REFERENCE, type TrustGroup } from './trust.ts'

/**
 * What the numeric frameworks write besides instances of their classes: functions that build arrays and tensors again,
 * types, layouts. torch: `torch/_weights_only_unpickler.py` and `torch/_utils.py` of 1.13 to 2.9. NumPy: the
 * `__reduce__` methods of 1.17 to 2.4. Names that only mention a function hold no more than a name.
 */
export const FRAMEWORKS: readonly TrustGroup[] = [
  {
    uses: CALL,
    args: 'any',
    names: {
      'torch._utils':
        '_rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy ' +
        '_rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_parameter ' +
        '_rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor ' +
        '_rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_wrapper_subclass',
      'torch.serialization': '_get_layout',
      torch: 'Size device Generator storage.UntypedStorage tensor',
      'torch._C': '_TensorBase',
      'torch.jit._pickle':
        'build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id restore_type_tag',
      'numpy.random._pickle': '__randomstate_ctor __generator_ctor __bit_generator_ctor',
      'numpy.random': '__RandomState_ctor',
      'numpy.ma.core': '_mareconstruct',
      'numpy.core.numeric': '_frombuffer',
      'numpy._core.numeric': '_frombuffer',
      'numpy.core.multiarray': 'scalar',
      'numpy._core.multiarray': 'scalar',
      numpy: 'dtype',
      'pandas._libs.internals': '_unpickle_block',
      'pandas._libs.tslibs.timestamps': '_unpickle_timestamp',
      'pandas._libs.tslibs.timedeltas': '_timedelta_unpickle',
      'pandas._libs.tslibs.nattype': '__nat_unpickle _nat_unpickle',
      'pandas._libs.tslibs.period': '_period_unpickle',
      'pandas._libs.missing': '_NA_unpickle',
      'pandas.core.internals.blocks': 'new_block',
      'sklearn.neighbors._kd_tree': 'newObj',
      'sklearn.neighbors._ball_tree': 'newObj',
      'sklearn.neighbors.kd_tree': 'newObj',
      'sklearn.neighbors.ball_tree': 'newObj',
      'sklearn.neighbors.dist_metrics': 'newObj',
      'sklearn.neighbors._dist_metrics': 'newObj',
      'sklearn.metrics._dist_metrics': 'newObj newObj32 newObj64',
      'sklearn.neighbors.quad_tree': '_QuadTree',
      'scipy.spatial._ckdtree': 'cKDTree',
      'scipy.spatial.ckdtree': 'cKDTree',
      'pyarrow.lib': 'type_for_alias',
    },
  },
  {
    uses: CALL,
    args: 'class-first',
    names: {
      'numpy.core.multiarray': '_reconstruct',
      'numpy._core.multiarray': '_reconstruct',
      'pandas.core.indexes.base': '_new_Index',
      'pandas.indexes.base': '_new_Index',
      'pandas.core.indexes.datetimes': '_new_DatetimeIndex',
      'pandas.core.indexes.period': '_new_PeriodIndex',
    },
  },
  {
    uses: CALL,
    args: 'ufunc-name',
    names: { 'numpy.core': '_ufunc_reconstruct', 'numpy._core': '_ufunc_reconstruct' },
  },
  { uses: CALL, args: 'torch-file', names: { 'torch.storage': '_load_from_bytes' } },
  {
    uses: CALL,
    args: 'rebuild-typed',
    names: { 'torch._tensor': '_rebuild_from_type_v2 _rebuild_from_type' },
  },
  {
    uses: INSTANCE | CALL,
    args: 'any',
    names: {
      numpy:
        'matrix recarray record void bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc intp longlong ' +
        'ulonglong float16 float32 float64 float128 longdouble complex64 complex128 complex256 str_ bytes_ ' +
        'datetime64 timedelta64 object_ generic number integer floating poly1d',
      'numpy.dtypes':
        'Float64DType Float32DType Float16DType Int64DType Int32DType Int16DType Int8DType UInt8DType UInt16DType ' +
        'UInt32DType UInt64DType BoolDType ObjectDType StrDType BytesDType StringDType DateTime64DType TimeDelta64DType',
      'numpy.random': 'RandomState Generator',
      'numpy.random.mtrand': 'RandomState',
      'numpy.random._generator': 'Generator',
      'numpy.random._mt19937': 'MT19937',
      'numpy.random._pcg64': 'PCG64 PCG64DXSM',
      'numpy.random._philox': 'Philox',
      'numpy.random._sfc64': 'SFC64',
      'numpy.random.bit_generator': 'SeedSequence SeedlessSeedSequence',
      'numpy.core.records': 'recarray record',
      'numpy.rec': 'recarray record',
      'numpy.ma': 'MaskedArray',
      'numpy.ma.core': 'MaskedArray MaskedConstant mvoid',
      'pandas._libs.tslibs.offsets':
        'BaseOffset Tick Day Hour Minute Second Milli Micro Nano BusinessDay MonthEnd MonthBegin BusinessMonthEnd ' +
        'QuarterEnd QuarterBegin YearEnd YearBegin Week WeekOfMonth DateOffset RelativeDeltaOffset BDay',
      'pandas._libs.tslibs.timestamps': 'Timestamp',
      'pandas._libs.tslibs.timedeltas': 'Timedelta',
      'pandas._libs.tslibs.period': 'Period',
      'pandas._libs.interval': 'Interval',
      'pandas.core.internals.managers': 'BlockManager SingleBlockManager',
      'pandas.core.internals': 'BlockManager SingleBlockManager',
      'numpy.lib.polynomial': 'poly1d',
      'numpy.lib._polynomial_impl': 'poly1d',
      'pandas._libs.arrays': 'NDArrayBacked',
      'pandas._libs.internals': 'BlockPlacement BlockManager SharedBlock Block',
      pandas:
        'DataFrame Series Index RangeIndex MultiIndex DatetimeIndex TimedeltaIndex PeriodIndex CategoricalIndex ' +
        'IntervalIndex Categorical Timestamp Timedelta Period Interval StringDtype CategoricalDtype DatetimeTZDtype ' +
        'PeriodDtype IntervalDtype BooleanDtype Int8Dtype Int16Dtype Int32Dtype Int64Dtype UInt8Dtype UInt16Dtype ' +
        'UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype SparseDtype DateOffset',
      'pandas.arrays':
        'StringArray DatetimeArray TimedeltaArray PeriodArray IntervalArray SparseArray BooleanArray IntegerArray ' +
        'FloatingArray ArrowStringArray NumpyExtensionArray PandasArray Categorical ArrowExtensionArray',
      torch:
        'DoubleTensor FloatTensor HalfTensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor BFloat16Tensor Tensor',
      'torch.storage': 'UntypedStorage TypedStorage _UntypedStorage _TypedStorage',
      'torch.nn.parameter': 'Parameter Buffer UninitializedParameter UninitializedBuffer',
      'torch.torch_version': 'TorchVersion',
      'torch.amp.grad_scaler': 'GradScaler OptState',
      'torch.cuda.amp.grad_scaler': 'GradScaler',
      'torch.utils.data.dataset': 'Subset TensorDataset ConcatDataset',
      'scipy.spatial.transform._rotation': 'Rotation Slerp',
      'scipy.spatial.transform.rotation': 'Rotation Slerp',
      'scipy.spatial.transform._rigid_transform': 'RigidTransform',
      'sklearn.tree._tree': 'Tree',
      'sklearn.neighbors._kd_tree': 'KDTree KDTree32 KDTree64',
      'sklearn.neighbors._ball_tree': 'BallTree BallTree32 BallTree64',
      'scipy.sparse.csr': 'csr_matrix',
      'sklearn.linear_model._sgd_fast':
        'Hinge SquaredHinge Log ModifiedHuber SquaredLoss SquaredError Huber EpsilonInsensitive ' +
        'SquaredEpsilonInsensitive Regression Classification',
      'sklearn.linear_model.sgd_fast':
        'Hinge SquaredHinge Log ModifiedHuber SquaredLoss Huber EpsilonInsensitive SquaredEpsilonInsensitive',
    },
  },
  {
    uses: INSTANCE,
    args: 'any',
    names: {
      'pandas.core.indexes.numeric': 'Int64Index UInt64Index Float64Index NumericIndex IntegerIndex',
      'sklearn.externals.joblib.numpy_pickle': 'NumpyArrayWrapper NDArrayWrapper ZNDArrayWrapper',
      'torch.nn.utils.weight_norm': 'WeightNorm',
      'torch.nn.utils.spectral_norm':
        'SpectralNorm SpectralNormLoadStateDictPreHook SpectralNormStateDictHook',
      'torch.nn.utils.parametrizations': '_SpectralNorm _WeightNorm _Orthogonal',
      'torch.nn.utils.parametrize': 'ParametrizationList',
      'torch.utils.hooks': 'RemovableHandle BackwardHook',
      'torch.distributed.fsdp.api':
        'FullStateDictConfig ShardedStateDictConfig LocalStateDictConfig MixedPrecision CPUOffload ' +
        'FullOptimStateDictConfig ShardedOptimStateDictConfig',
      tokenizers: 'Tokenizer AddedToken Encoding',
      'tokenizers.models': 'Model BPE WordPiece Unigram WordLevel',
      'tokenizers.normalizers':
        'Normalizer Sequence BertNormalizer NFC NFD NFKC NFKD Lowercase Strip StripAccents Replace Prepend Precompiled',
      'tokenizers.pre_tokenizers':
        'PreTokenizer Sequence ByteLevel BertPreTokenizer Whitespace WhitespaceSplit Metaspace Digits Punctuation Split',
      'tokenizers.processors':
        'PostProcessor BertProcessing RobertaProcessing TemplateProcessing ByteLevel Sequence',
      'tokenizers.decoders': 'Decoder ByteLevel WordPiece Metaspace BPEDecoder Sequence Replace Fuse Strip',
    },
  },
  {
    uses: INSTANCE | CALL,
    args: 'any',
    names: {
      'torch.distributed.fsdp.api': 'ShardingStrategy BackwardPrefetch StateDictType',
      'torch.nn.attention.bias': 'CausalVariant',
      'torch._C': 'Generator',
    },
  },
  {
    uses: REFERENCE | INSTANCE,
    args: 'any',
    names: {
      numpy: 'ndarray',
      torch:
        'DoubleStorage FloatStorage HalfStorage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage BFloat16Storage ComplexDoubleStorage ComplexFloatStorage QUInt8Storage QInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage',
      'torch.cuda':
        'DoubleStorage FloatStorage HalfStorage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage',
    },
  },
  {
    uses: REFERENCE,
    args: 'any',
    names: {
      pandas: 'NA NaT',
      'pandas._libs.missing': 'NA NAType',
      'pandas._libs.tslibs.nattype': 'NaT NaTType',
      'scipy._lib.array_api_compat.numpy._aliases': 'asarray',
      'scipy._lib.array_api_compat.numpy': 'asarray',
      'sklearn.externals.array_api_compat.numpy._aliases': 'asarray',
      'sklearn.cluster._kmeans': '_kmeans_single_lloyd _kmeans_single_elkan',
      numpy:
        'abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh ' +
        'atan atan2 atanh bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not ' +
        'bitwise_or bitwise_right_shift bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad ' +
        'degrees divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod ' +
        'frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp ' +
        'left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not ' +
        'logical_or logical_xor matmul matvec maximum minimum mod modf multiply negative nextafter ' +
        'not_equal positive pow power rad2deg radians reciprocal remainder right_shift rint sign signbit ' +
        'sin sinh spacing sqrt square subtract tan tanh true_divide trunc vecdot vecmat' +
        ' mean median sum std var min max amin amax prod argmax argmin nanmean nanmedian nansum nanmax nanmin nanstd ' +
        'percentile quantile ravel reshape concatenate vstack hstack asarray array zeros ones nan_to_num clip round ' +
        'cumsum unique dot where sort transpose squeeze expand_dims pi e inf nan newaxis',
      'scipy.special':
        'agm airy airye bdtr bdtrc bdtri bdtrik bdtrin bei beip ber berp besselpoly beta betainc ' +
        'betaincc betainccinv betaincinv betaln binom boxcox boxcox1p btdtria btdtrib cbrt chdtr chdtrc ' +
        'chdtri chdtriv chndtr chndtridf chndtrinc chndtrix cosdg cosm1 cotdg dawsn digamma ellipe ' +
        'ellipeinc ellipj ellipk ellipkinc ellipkm1 elliprc elliprd elliprf elliprg elliprj entr erf ' +
        'erfc erfcinv erfcx erfi erfinv eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer ' +
        'eval_genlaguerre eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre ' +
        'eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi eval_sh_legendre exp1 exp10 exp2 expi expit expm1 ' +
        'expn exprel fdtr fdtrc fdtri fdtridfd fresnel gamma gammainc gammaincc gammainccinv gammaincinv ' +
        'gammaln gammasgn gdtr gdtrc gdtria gdtrib gdtrix hankel1 hankel1e hankel2 hankel2e huber hyp0f1 ' +
        'hyp1f1 hyp2f1 hyperu i0 i0e i1 i1e inv_boxcox inv_boxcox1p it2i0k0 it2j0y0 it2struve0 itairy ' +
        'iti0k0 itj0y0 itmodstruve0 itstruve0 iv ive j0 j1 jn jv jve k0 k0e k1 k1e kei keip kelvin ker ' +
        'kerp kl_div kn kolmogi kolmogorov kv kve log1p log_expit log_ndtr log_wright_bessel loggamma ' +
        'logit lpmv mathieu_a mathieu_b mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 ' +
        'mathieu_modsem2 mathieu_sem modfresnelm modfresnelp modstruve nbdtr nbdtrc nbdtri nbdtrik ' +
        'nbdtrin ncfdtr ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc nctdtr nctdtridf nctdtrinc nctdtrit ndtr ' +
        'ndtri ndtri_exp nrdtrimn nrdtrisd obl_ang1 obl_ang1_cv obl_cv obl_rad1 obl_rad1_cv obl_rad2 ' +
        'obl_rad2_cv owens_t pbdv pbvv pbwa pdtr pdtrc pdtri pdtrik poch powm1 pro_ang1 pro_ang1_cv ' +
        'pro_cv pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv pseudo_huber psi radian rel_entr rgamma round ' +
        'shichi sici sindg smirnov smirnovi spence stdtr stdtridf stdtrit struve tandg tklmbda ' +
        'voigt_profile wofz wright_bessel wrightomega xlog1py xlogy y0 y1 yn yv yve zetac',
      'scipy.special._ufuncs': 'expit logit ndtr gammaln xlogy',
      torch:
        'float32 float64 float16 bfloat16 float complex32 complex64 complex128 half double cfloat ' +
        'cdouble chalf uint8 uint16 uint32 uint64 int8 int16 int32 int64 short int long bool quint8 ' +
        'qint8 qint32 quint4x2 quint2x4 bits1x8 bits2x4 bits4x2 bits8 bits16 float8_e4m3fn float8_e5m2 ' +
        'float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 uint1 int1 uint2 int2 uint3 ' +
        'int3 uint4 int4 uint5 int5 uint6 int6 uint7 int7' +
        ' strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc jagged _mkldnn ' +
        'per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric ' +
        'per_channel_affine_float_qparams contiguous_format channels_last channels_last_3d preserve_format ' +
        'relu tanh sigmoid softmax cat add mul matmul flatten nn Tensor.relu',
      'torch._C._nn': 'gelu silu leaky_relu hardtanh elu_ linear',
      'torch._C': 'dtype layout memory_format',
    },
  },
]
