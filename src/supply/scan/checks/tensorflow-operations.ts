/** Operations that read, write, print, call out or run code of the host (TensorFlow security guide; published bypasses). */
export const UNSAFE_OPERATIONS: ReadonlySet<string> = new Set(
  `ReadFile WriteFile MatchingFiles PrintV2 Print PyFunc PyFuncStateless EagerPyFunc LoadLibrary LoadTensorFlowLibrary
  WholeFileReader WholeFileReaderV2 ReaderRead ReaderReadV2 ReaderReadUpTo ReaderReadUpToV2 TextLineReader TextLineReaderV2
  FixedLengthRecordReader FixedLengthRecordReaderV2 TFRecordReader TFRecordReaderV2 LMDBReader IdentityReader
  TextLineDataset TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset FixedLengthRecordDatasetV2 SqlDataset
  CSVDataset CSVDatasetV2 LMDBDataset ListDataset SaveDataset SaveDatasetV2 LoadDataset DatasetToTFRecord SnapshotDataset
  SnapshotDatasetV2 CacheDataset CacheDatasetV2 AssertPrevDataset GeneratorDataset InitializeTableFromTextFile
  InitializeTableFromTextFileV2 Save SaveSlices Restore RestoreSlice FakeQueue DebugIdentity DebugIdentityV2 DebugIdentityV3
  CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary WriteScalarSummary WriteImageSummary WriteAudioSummary
  WriteHistogramSummary WriteGraphSummary WriteRawProtoSummary ImportEvent FlushSummaryWriter RpcCall RpcClient RpcServer
  RpcServerStart RpcServerRegister DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
  RegisterDataset RegisterDatasetV2 RemoteCall RemoteFusedGraphExecute ShellExecute BigQueryReader
  GenerateBigQueryReaderPartitions GetSessionHandle XlaLaunch TPUCompile IteratorFromStringHandle ConfigureDistributedTPU
  WriteTrainingPredictions TRTEngineOp NcclAllReduce CollectiveInitializeCommunicator DecodeProtoV2 EncodeProto
  FileSystemSetConfiguration SendTPUEmbeddingGradients ExperimentalSqlDataset ExperimentalCSVDataset ExperimentalLMDBDataset`.split(
    /\s+/,
  ),
)

/** They read and write checkpoints, which every SavedModel does: safe while the caller gives the file name. */
export const CHECKPOINT_OPERATIONS: ReadonlySet<string> = new Set([
  'SaveV2',
  'RestoreV2',
  'MergeV2Checkpoints',
  'ShardedFilename',
])

const SAFE = new Set(
  `Abs Acos Acosh Add AddN AddV2 AdjustContrastv2 AdjustHue AdjustSaturation All Any ApproximateEqual ArgMax ArgMin Asin
  Asinh Assert Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp AsString Atan Atan2 Atanh
  AudioSpectrogram AvgPool AvgPool3D AvgPoolGrad BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchNormWithGlobalNormalization
  BatchToSpace BatchToSpaceND BiasAdd BiasAddGrad BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor BlockLSTM
  BlockLSTMV2 BooleanMask BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize Case Cast Ceil CheckNumerics Cholesky
  ClipByValue CombinedNonMaxSuppression Complex ComplexAbs Concat ConcatOffset ConcatV2 Conj Const ConsumeMutexLock
  ControlTrigger Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 Cos Cosh CropAndResize Cross
  CudnnRNN CudnnRNNV3 Cumprod Cumsum CumulativeLogsumexp DataFormatVecPermute DecodeBase64 DecodeBmp DecodeCompressed
  DecodeCSV DecodeGif DecodeImage DecodeJpeg DecodeJSONExample DecodePng DecodeRaw DecodeWav DeepCopy DenseBincount DenseToDenseSetOperation
  DepthToSpace DepthwiseConv2dNative Dequantize Diag DiagPart Digamma Dilation2D Div DivNoNan DrawBoundingBoxesV2 DynamicPartition
  DynamicStitch EditDistance Einsum Elu EluGrad Empty EmptyTensorList EncodeBase64 EncodeJpeg EncodePng EnsureShape Enter Equal
  Erf Erfc Erfinv Exit Exp ExpandDims Expm1 ExtractImagePatches FakeParam FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
  FakeQuantWithMinMaxVarsPerChannel FFT FFT2D Fill Floor FloorDiv FloorMod For FractionalAvgPool FresnelCos
  FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual GuaranteeConst
  HashTable HashTableV2 HistogramFixedWidth HSVToRGB Identity IdentityN If IFFT IFFT2D Igamma Imag InitializeTable
  InitializeTableV2 InplaceUpdate InTopK InTopKV2 Inv InvertPermutation IRFFT IsFinite IsInf IsNan IsVariableInitialized
  L2Loss LeakyRelu LeakyReluGrad LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr LogMatrixDeterminant
  LogSoftmax LookupTableExport LookupTableExportV2 LookupTableFind LookupTableFindV2 LookupTableImport LookupTableImportV2
  LookupTableInsert LookupTableInsertV2 LookupTableSize LookupTableSizeV2 LoopCond LRN LSTMBlockCell MatMul MatrixBandPart MatrixDeterminant
  MatrixDiag MatrixDiagPart MatrixDiagPartV3 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV3 MatrixSolve Max Maximum MaxPool
  MaxPool3D MaxPoolGrad MaxPoolV2 MaxPoolWithArgmax Mean Merge Mfcc Min Minimum MirrorPad Mod Mul MulNoNan Multinomial MutableDenseHashTable
  MutableDenseHashTableV2 MutableHashTable MutableHashTableV2 Neg NextIteration NonMaxSuppression NonMaxSuppressionV2
  NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 NoOp NotEqual OneHot OnesLike OptionalFromValue OptionalGetValue
  OptionalHasValue OptionalNone Pack Pad PadV2 ParallelConcat ParallelDynamicStitch ParameterizedTruncatedNormal ParseExample
  ParseExampleV2 ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample ParseTensor PartitionedCall Placeholder
  PlaceholderV2 PlaceholderWithDefault Polygamma PopulationCount Pow PreventGradient Prod Qr Quantize QuantizeAndDequantize
  QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeV2 RaggedGather RaggedRange RaggedTensorFromVariant
  RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant RaggedBincount RandomGamma RandomPoisson RandomPoissonV2 RandomShuffle RandomStandardNormal
  RandomUniform RandomUniformInt Range Rank ReadVariableOp Real RealDiv Reciprocal RegexFullMatch RegexReplace Relu Relu6
  Relu6Grad ReluGrad RequantizationRange Requantize Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
  ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterUpdate Reverse ReverseSequence ReverseV2 RFFT RFFT2D RGBToHSV RightShift
  Rint Roll Round Rsqrt RsqrtGrad SampleDistortedBoundingBoxV2 ScatterAdd ScatterNd ScatterUpdate SdcaFprint SegmentMax
  SegmentMean SegmentMin SegmentProd SegmentSum Select SelectV2 Selu Shape ShapeN Sigmoid SigmoidGrad Sign Sin Sinh Size Slice
  Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth SparseAdd SparseBincount SparseConcat
  SparseCross SparseCrossV2 SparseFillEmptyRows SparseMatMul SparseReorder SparseReshape SparseSegmentMean SparseSegmentSqrtN
  SparseSegmentSum SparseSlice SparseSoftmaxCrossEntropyWithLogits SparseSplit SparseTensorDenseMatMul SparseToDense
  SparseToSparseSetOperation Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze StackPopV2 StackPushV2 StackV2
  StatefulPartitionedCall StatefulRandomBinomial StatefulStandardNormalV2 StatefulUniform StatefulUniformFullInt StatefulUniformInt StatelessCase StatelessIf
  StatelessMultinomial StatelessRandomGetKeyCounter StatelessRandomGetAlg StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
  StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2
  StatelessWhile StaticRegexFullMatch StaticRegexReplace StopGradient StridedSlice StridedSliceGrad StringFormat StringJoin
  StringLength StringLower StringNGrams StringSplit StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast
  StringToHashBucketStrong StringToNumber StringUpper Sub Substr Sum Svd Switch SwitchN SymbolicGradient Tan Tanh TanhGrad
  TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3
  TensorArrayV3 TensorArrayWriteV3 TensorListConcat TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
  TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListScatter TensorListScatterV2 TensorListScatterIntoExistingList
  TensorListSetItem TensorListSplit TensorListStack TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
  TensorScatterUpdate TensorStridedSliceUpdate Tile Timestamp TopK TopKV2 Transpose TridiagonalSolve TruncateDiv TruncatedNormal
  TruncateMod UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode Unique UniqueV2 UniqueWithCounts
  UniqueWithCountsV2 Unpack UnravelIndex UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
  UnwrapDatasetVariant UpperBound LowerBound VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2 Where While
  WrapDatasetVariant Xdivy XlaSharding Xlogy Xlog1py ZerosLike Zeta AnonymousHashTable AnonymousMutableHashTable AnonymousIterator
  SentencepieceOp SentencepieceTokenizeOp SentencepieceDetokenizeOp WordpieceTokenizeWithOffsets TFText>WhitespaceTokenizeWithOffsetsV2
  FastWordpieceTokenizeWithOffsets NormalizeUTF8 CaseFoldUTF8 RegexSplitWithOffsets
  ResourceApplyAdam ResourceApplyGradientDescent ResourceApplyAdagrad ResourceApplyRMSProp ResourceApplyMomentum ResourceApplyFtrl
  ApplyAdam ApplyGradientDescent ApplyMomentum ResourceApplyKerasMomentum DestroyResourceOp TemporaryVariable
  DecisionForest SimpleMLCreateModelResource SimpleMLLoadModelFromPathWithHandle SimpleMLInferenceOpWithHandle SimpleMLInferenceOp`.split(
    /\s+/,
  ),
)

/** Operations whose names vary by version and gradient but that only compute. */
const SAFE_FAMILY =
  /^(?:Batch|Bessel|Quantized|_Fused|Fused|Sparse|Ragged|Stateless|TensorArray|TensorList|TensorMap|TensorScatter|ResourceApply|ResourceScatter|ResourceSparse|SparseApply|Scatter|Segment|UnsortedSegment|Matrix|Random|Stateful(?:Standard|Uniform|Random|Truncated)|Uniform|Max|Avg|Conv|Depthwise|Image|Unicode|String|Regex|Lookup|Mutable|Xla(?!Launch)|Cudnn|Dynamic|Bitwise|Fake|Boosted|Tensor|Softmax|Log|Resize|Crop|NonMax|Sample|Bincount|CTC|Dataset(?:Cardinality)|RFFT|IRFFT|FFT|IFFT|Nth|Ndtri)[A-Za-z0-9]*$/

export type OperationKind = 'safe' | 'unsafe' | 'checkpoint' | 'unknown'

export function judgeOperation(name: string): OperationKind {
  const plain = name.startsWith('Flex') ? name.slice(4) : name
  if (UNSAFE_OPERATIONS.has(plain) || /(?:Dataset|Iterator|Reader|Writer|Server|Rpc)(?:V\d)?$/.test(plain))
    return 'unsafe'
  if (CHECKPOINT_OPERATIONS.has(plain)) return 'checkpoint'
  return SAFE.has(plain) || SAFE_FAMILY.test(plain) ? 'safe' : 'unknown'
}
