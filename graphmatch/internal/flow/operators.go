package flow

import (
	"strings"
)

// sideInputs lists the input slots that hold shapes, axes, bounds and the like. What feeds only these says
// nothing about which weight is which, and float tensors read there are no parameters.
var sideInputs = map[string][]int{
	"Reshape": {1}, "Expand": {1}, "Tile": {1}, "Slice": {1, 2, 3, 4}, "Pad": {1, 2, 3}, "Resize": {1, 2, 3},
	"Upsample": {1}, "Unsqueeze": {1}, "Squeeze": {1}, "Split": {1}, "TopK": {1}, "Clip": {1, 2}, "Dropout": {1, 2},
	"OneHot": {1, 2}, "Range": {0, 1, 2}, "CumSum": {1}, "Trilu": {1}, "CenterCropPad": {1}, "Col2Im": {1, 2},
	"ConstantOfShape": {0}, "Shape": {0}, "Size": {0}, "EyeLike": {0}, "RandomNormalLike": {0},
	"RandomUniformLike": {0},
	"MaxUnpool":         {2}, "NonMaxSuppression": {2, 3, 4}, "AffineGrid": {1}, "LSTM": {4}, "GRU": {4}, "RNN": {4},
	"QuantizeLinear": {1, 2}, "DequantizeLinear": {1, 2}, "BlackmanWindow": {0}, "HannWindow": {0},
	"HammingWindow": {0},
	"QLinearConv":   {1, 2, 4, 5, 6, 7}, "QLinearMatMul": {1, 2, 4, 5, 6, 7}, "DFT": {1, 2}, "STFT": {1, 3},
	"Loop": {0},
}

// carriesData tells whether data of the network flows into an input slot.
func carriesData(n *Node, slot int) bool {
	if slot == 1 && strings.HasPrefix(n.Op, "Reduce") {
		return false // axes since opset 13 and 18
	}
	for _, s := range sideInputs[n.Op] {
		if s == slot {
			return false
		}
	}
	return true
}

// commutative operators give the same result whatever the order of their inputs, and exporters differ in it.
var commutative = map[string]bool{
	"Add": true, "Mul": true, "Max": true, "Min": true, "Sum": true, "Mean": true, "And": true, "Or": true, "Xor": true,
	"Equal": true,
}

// layoutOnly operators change the layout or type of data only. Exporters add and leave them out freely
// (a Linear over three axes is a MatMul, or a Gemm between two Reshapes), so signatures look through them.
var layoutOnly = map[string]bool{
	"Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true, "Expand": true, "Cast": true,
	"CastLike": true,
}

// distinguishing lists the attributes that distinguish nodes of one operator in a signature, with their defaults.
// Attributes whose form changed between opsets are left out.
var distinguishing = map[string]map[string]int64{
	"Conv": {"group": 1}, "com.microsoft.FusedConv": {"group": 1}, "ConvTranspose": {"group": 1},
	"Concat": {"axis": 0}, "Gather": {"axis": 0},
	"LSTM": {"hidden_size": 0}, "GRU": {"hidden_size": 0, "linear_before_reset": 0}, "RNN": {"hidden_size": 0},
	"DepthToSpace": {"blocksize": 0}, "SpaceToDepth": {"blocksize": 0},
}

// distinguishingLists are list attributes that distinguish nodes, compared when both models give them.
var distinguishingLists = map[string][]string{
	"Conv": {"strides", "dilations"}, "com.microsoft.FusedConv": {"strides", "dilations"},
	"ConvTranspose": {"strides", "dilations"}, "MaxPool": {"kernel_shape", "strides"},
	"AveragePool": {"kernel_shape", "strides"}, "Transpose": {"perm"},
}

// roles names the parameters of operators with fixed input slots; the first is the one that names and ties
// the layer.
var roles = map[string][]slotRole{
	"Conv":                  {{1, "weight"}, {2, "bias"}},
	"ConvTranspose":         {{1, "weight"}, {2, "bias"}},
	"DeformConv":            {{1, "weight"}, {3, "bias"}},
	"Gemm":                  {{1, "weight"}, {2, "bias"}},
	"MatMul":                {{1, "weight"}},
	"BatchNormalization":    {{1, "scale"}, {2, "bias"}, {3, "mean"}, {4, "var"}},
	"LayerNormalization":    {{1, "scale"}, {2, "bias"}},
	"GroupNormalization":    {{1, "scale"}, {2, "bias"}},
	"InstanceNormalization": {{1, "scale"}, {2, "bias"}},
	"RMSNormalization":      {{1, "scale"}},
	"Gather":                {{0, "table"}},
	"LSTM":                  {{1, "W"}, {2, "R"}, {3, "B"}, {7, "P"}, {5, "initial_h"}, {6, "initial_c"}},
	"GRU":                   {{1, "W"}, {2, "R"}, {3, "B"}, {5, "initial_h"}},
	"RNN":                   {{1, "W"}, {2, "R"}, {3, "B"}, {5, "initial_h"}},
	"PRelu":                 {{1, "slope"}},

	"com.microsoft.FusedConv":              {{1, "weight"}, {2, "bias"}},
	"com.microsoft.FusedGemm":              {{1, "weight"}, {2, "bias"}},
	"com.microsoft.FusedMatMul":            {{1, "weight"}},
	"com.microsoft.Attention":              {{1, "weight"}, {2, "bias"}},
	"com.microsoft.SkipLayerNormalization": {{2, "scale"}, {3, "bias"}, {4, "value"}},
	"com.microsoft.EmbedLayerNormalization": {
		{2, "table"}, {3, "position_table"}, {4, "segment_table"}, {5, "scale"}, {6, "bias"},
	},
	"SimplifiedLayerNormalization":                   {{1, "scale"}},
	"com.microsoft.SkipSimplifiedLayerNormalization": {{2, "scale"}, {3, "value"}},
}

// slotRole is the role of a parameter read at an input slot.
type slotRole struct {
	slot int
	role string
}

// kinds maps operators that are two spellings of one layer to one name for signatures.
var kinds = map[string]string{
	"Gemm": "Linear", "MatMul": "Linear", "com.microsoft.FusedGemm": "Linear", "com.microsoft.FusedMatMul": "Linear",
	"com.microsoft.FusedConv": "Conv",
}
