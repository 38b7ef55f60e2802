package network

import (
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// An expansion lowers a node whose work is other nodes: control flow,
// sequences, attention. It binds the node's outputs itself.
type expansion func(c *site) error

// site is a node that stands for others, as its expansion sees it: beside what a builder sees, the values that it reads
// and a hand in the lowering.
type site struct {
	*call
	values []*value // of the inputs, nil where one is absent
	lower  lowering
}

// lowering is what an expansion may ask of whoever lowers the graph, at its node's place in it.
type lowering interface {
	// Emit lowers one of the nodes that a node stands for and returns its output. The operator may have a domain before
	// it; inputs that are nil are absent.
	Emit(op string, attrs []*onnxpb.AttributeProto, in ...*value) (*value, error)
	// Itself lowers the node itself over other values.
	Itself(in []*value) error
	// Add appends an operator over values to the graph, with a gradient to each.
	Add(op Operator, specs []Spec, in []*value) error
	// Body lowers a subgraph with its inputs bound to the values and returns its outputs.
	Body(g *onnxpb.GraphProto, in []*value) ([]*value, error)
	// Apart is Body, with the nodes kept apart from the graph's.
	Apart(g *onnxpb.GraphProto, in []*value) ([]*node, []*value, error)
	// Reach says whether a coefficient, and a gradient to one, may reach what the node and its subgraphs read.
	Reach() (gated, grad bool)
	// Bind names an output of the node.
	Bind(output int, v *value)
}

// expandedOp is an operator that is lowered to others, with the first opset that has it.
type expandedOp struct {
	since  int64
	expand expansion
}

// expansions are the operators that are lowered to others, by name, with the
// domain where it is not ONNX's own. They are assigned at start because they
// lower bodies in which they occur again.
var expansions map[string]expandedOp

func init() {
	expansions = map[string]expandedOp{
		"If": {1, expandIf}, "Loop": {1, expandLoop}, "Scan": {8, expandScan},
		"SequenceConstruct": {11, expandSequenceConstruct}, "SequenceEmpty": {11, expandSequenceEmpty},
		"SequenceInsert": {11, expandSequenceInsert}, "SequenceErase": {11, expandSequenceErase},
		"SequenceAt": {11, expandSequenceAt}, "SequenceLength": {11, expandSequenceLength},
		"SequenceMap": {17, expandSequenceMap}, "ConcatFromSequence": {11, expandConcatFromSequence},
		"SplitToSequence": {11, expandSplitToSequence}, "Optional": {15, expandOptional},
		"OptionalHasElement": {15, expandOptionalHasElement}, "OptionalGetElement": {15, expandOptionalGetElement},
		"Attention": {23, expandAttention}, "RotaryEmbedding": {23, expandRotaryEmbedding}, "STFT": {17, expandSTFT},
		"LinearAttention": {27, expandLinearAttention}, "com.microsoft.LinearAttention": {1, expandLinearAttention},
		"CausalConvWithState": {27, expandCausalConv}, "com.microsoft.CausalConvWithState": {1, expandCausalConv},
		"ai.onnx.preview.FlexAttention":         {1, expandFlexAttention},
		"com.microsoft.Attention":               {1, expandMicrosoftAttention},
		"com.microsoft.GroupQueryAttention":     {1, expandGroupQuery},
		"com.microsoft.BiasAdd":                 {1, expandBiasAdd},
		"com.microsoft.CDist":                   {1, expandDistances},
		"com.microsoft.BiasSplitGelu":           {1, expandBiasSplitGelu},
		"com.microsoft.GroupNorm":               {1, expandFusedGroupNorm},
		"com.microsoft.SkipGroupNorm":           {1, expandSkipGroupNorm},
		"com.microsoft.NhwcConv":                {1, expandChannelsLast("com.microsoft.FusedConv")},
		"com.microsoft.NhwcFusedConv":           {1, expandChannelsLast("com.microsoft.FusedConv")},
		"com.microsoft.NhwcMaxPool":             {1, expandChannelsLast("MaxPool")},
		"com.microsoft.MultiHeadAttention":      {1, expandMultiHeadAttention},
		"com.microsoft.RotaryEmbedding":         {1, expandRotaryMicrosoft},
		"com.microsoft.EmbedLayerNormalization": {1, expandEmbedLayerNorm},
	}
}

// expansionOf returns the expansion of a node, nil if it has none. Some operators have one only in some of their forms:
// Identity where its input is no tensor, FusedMatMul where rows come before batches, DFT back to real numbers, a
// normalisation whose scale repeats, Concat where the graph is stretched.
func expansionOf(c *site) expansion {
	switch op := c.op(); {
	case op == "Identity" && c.has(0) && c.values[0].list != nil:
		return expandIdentity
	case op == "com.microsoft.FusedMatMul" && c.int("transBatchA", 0)|c.int("transBatchB", 0) != 0:
		return expandBatchMatMul
	case op == "DFT" && c.int("inverse", 0) != 0 && c.int("onesided", 0) != 0:
		return expandRealDFT
	case c.repeatsScale():
		return expandScale
	case c.lacksSamples():
		return expandShortConcat
	default:
		return expansions[op].expand
	}
}

// expandIdentity gives a sequence or optional another name.
func expandIdentity(c *site) error {
	c.lower.Bind(0, c.values[0])
	return nil
}

// intValue is a known int64 scalar or, with dims, a tensor of that shape.
func intValue(v int64, dims ...int) *value {
	return knownValue(int64Tensor(dims, v))
}

// int64Tensor is a tensor of the elements.
func int64Tensor(dims []int, v ...int64) *Tensor { return &Tensor{Type: onnx.Int64, Shape: dims, I: v} }

// knownValue is a value whose elements are known.
func knownValue(t *Tensor) *value { return &value{spec: t.Spec(), known: t, param: -1} }

// each returns f of every element.
func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
