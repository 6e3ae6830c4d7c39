/**
 * Names of operators by domain. Standard operators through opset 25, deprecated ones included
 * (https://onnx.ai/onnx/operators/), `ai.onnx.ml` through 5, and what onnxruntime registers for itself
 * (docs/ContribOperators.md of microsoft/onnxruntime).
 */
const STANDARD = `
Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Bernoulli
BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip Col2Im
Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT
DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike
Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If ImageDecoder
InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop
LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization
MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional
OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize
ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt
SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin
Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze
StringConcat StringNormalizer StringSplit Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK
Transpose Trilu Unique Unsqueeze Upsample Where Xor
ATen Affine ConstantFill Crop DynamicSlice GRUUnit GivenTensorFill ImageScaler LoopIndexTensor MeanSquaredDistance
ParametricSoftplus Scale ScaledTanh SimplifiedLayerNormalization SkipLayerNormalization`

const CLASSICAL = `
ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder
LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
TreeEnsembleClassifier TreeEnsembleRegressor ZipMap`

const TRAINING = 'Adagrad Adam Gradient GraphCall Momentum'

const MICROSOFT = `
Attention AttnLSTM BeamSearch BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu BifurcationDetector
BitmaskBiasDropout BitmaskDropout CDist CausalConvWithState ComplexMul ComplexMulConj ConvTransposeWithDynamicPads
CropAndResize DecoderAttention DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention DequantizeBFP DequantizeLinear
DequantizeWithOrder DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicTimeWarping EmbedLayerNormalization ExpandDims
FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation GatedRelativePositionBias GatherBlockQuantized GatherND
Gelu GemmFastGelu GemmFloat8 GemmaRotaryEmbedding GreedySearch GridSample GroupNorm GroupQueryAttention Inverse Irfft
IsAllFinite LayerNormalization LinearAttention LongformerAttention MatMulBnb4 MatMulFpQ4 MatMulInteger16
MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MoE MulInteger MultiHeadAttention MurmurHash3 NGramRepeatBlock NhwcConv
NhwcFusedConv NhwcMaxPool PackedAttention PackedMultiHeadAttention Pad PagedAttention QAttention QEmbedLayerNormalization
QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QMoE QOrderedAttention QOrderedGelu
QOrderedLayerNormalization QOrderedLongformerAttention QOrderedMatMul QuantizeBFP QuantizeLinear QuantizeWithOrder
QuickGelu Range ReduceSumInteger RelativePositionBias RemovePadding RestorePadding Rfft RotaryEmbedding SampleOp Sampling
SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization SparseAttention
SparseToDenseMatMul Tokenizer TorchEmbedding TransposeMatMul Trilu UnfoldTensor Unique WhisperBeamSearch WordConvEmbedding`

const OPERATORS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['', names(STANDARD)],
  ['ai.onnx.ml', names(CLASSICAL)],
  ['ai.onnx.training', names(TRAINING)],
  ['ai.onnx.preview.training', names(TRAINING)],
  ['com.microsoft', names(MICROSOFT)],
])

/**
 * Operators that hand bytes or paths of the model to something that runs them: compiled programs of an accelerator, and
 * Python functions of the training build. `ATen` calls any function of PyTorch by name.
 */
const CODE_OPERATORS: ReadonlySet<string> = new Set([
  'com.microsoft:EPContext',
  'com.microsoft:Snpe',
  'com.microsoft:PythonOp',
  'com.microsoft:PythonOpGrad',
  'com.microsoft:TritonOp',
  'org.pytorch.aten:ATen',
  'com.microsoft:ATen',
  ':ATen',
  'ai.onnx.contrib:PyOp',
  'pyopadd:PyOp',
])

/** `ai.onnx` is another name of the standard domain. */
export function standardName(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

export function isKnownDomain(domain: string): boolean {
  return OPERATORS.has(standardName(domain))
}

export function isKnownOperator(domain: string, name: string): boolean {
  return OPERATORS.get(standardName(domain))?.has(name) ?? false
}

export function isCodeOperator(domain: string, name: string): boolean {
  return CODE_OPERATORS.has(`${standardName(domain)}:${name}`)
}

function names(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/))
}
