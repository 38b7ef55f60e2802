package table

import (
	"strings"

	"github.com/softmerge/softmerge/gating/network/op"
)

// mostInputs is how many inputs an operator has at most, over all opsets; operators with any number are not in it.
// A node with more is refused: nothing would read them, and a gradient must not look for them.
var mostInputs = inputCounts(map[int]string{
	0: `Constant`,
	1: `Abs Acos Acosh Affine ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BitCast BitwiseNot
		BlackmanWindow Cast Ceil Celu ConstantFill ConstantOfShape Cos Cosh Crop DepthToSpace Det
		DynamicQuantizeLinear Elu Erf Exp EyeLike Flatten Floor Gelu GlobalAveragePool GlobalLpPool
		GlobalMaxPool HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity ImageScaler IsInf
		IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization LpPool MaxPool MeanVarianceNormalization Mish Neg
		NonZero Not ParametricSoftplus Reciprocal Relu Round Scale ScaledTanh Selu Shape Shrink Sigmoid Sign
		Sin Sinh Size Softmax Softplus Softsign SpaceToDepth Sqrt Swish Tan Tanh ThresholdedRelu Transpose
		Unique ai.onnx.ml.Binarizer ai.onnx.ml.Normalizer ai.onnx.ml.Scaler ai.onnx.ml.ZipMap
		com.microsoft.Gelu com.microsoft.Inverse com.microsoft.QuickGelu`,
	2: `Add AffineGrid And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike CenterCropPad Compress CumProd
		CumSum Div Equal Expand Gather GatherElements GatherND Greater GreaterOrEqual GridSample Less
		LessOrEqual MatMul MaxRoiPool Mod Mul Or PRelu Pow RMSNormalization ReduceL1 ReduceL2 ReduceLogSum
		ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape
		ReverseSequence SimplifiedLayerNormalization Split Squeeze Sub TopK Trilu Unsqueeze Upsample Xor
		ai.onnx.ml.ArrayFeatureExtractor com.microsoft.BiasGelu com.microsoft.ExpandDims
		com.microsoft.FastGelu com.microsoft.FusedMatMul com.microsoft.GatherND com.microsoft.GridSample
		com.microsoft.SimplifiedLayerNormalization com.microsoft.TransposeMatMul com.microsoft.Trilu`,
	3: `Clip Col2Im Conv ConvTranspose DFT DequantizeLinear Dropout Gemm GroupNormalization
		InstanceNormalization LayerNormalization MaxUnpool NegativeLogLikelihoodLoss OneHot QuantizeLinear
		Range RoiAlign Scatter ScatterElements ScatterND SoftmaxCrossEntropyLoss TensorScatter Tile Where
		com.microsoft.DequantizeLinear com.microsoft.FusedGemm com.microsoft.LayerNormalization
		com.microsoft.QuantizeLinear`,
	4: `ConvInteger MatMulInteger Pad Resize com.microsoft.FusedConv com.microsoft.Pad
		com.microsoft.SkipSimplifiedLayerNormalization`,
	5: `BatchNormalization DeformConv MelWeightMatrix NonMaxSuppression Slice
		com.microsoft.SkipLayerNormalization`,
	6: `GRU RNN`,
	8: `LSTM QLinearMatMul`,
	9: `QLinearConv`,
})

// inputCounts turns lists of names by count into counts by name.
func inputCounts(lists map[int]string) map[string]int {
	counts := map[string]int{}
	for n, names := range lists {
		for _, name := range strings.Fields(names) {
			counts[name] = n
		}
	}
	return counts
}

// CheckInputs refuses inputs that the operator does not have.
func CheckInputs(c *op.Call) error {
	op := c.Op()
	most, bounded := mostInputs[op]
	if !bounded {
		return nil
	}
	// Axes are an attribute before opset 13 (ReduceSum) and 18 (the others).
	if strings.HasPrefix(op, "Reduce") && c.Opset < 18 && (op != "ReduceSum" || c.Opset < 13) {
		most = 1
	}
	for i := most; i < len(c.In); i++ {
		if c.Has(i) {
			return c.Invalid("it has %d inputs, the operator at most %d", len(c.In), most)
		}
	}
	return nil
}
