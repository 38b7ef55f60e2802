package expand

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Expansion lowers a node whose work is other nodes: control flow,
// sequences, attention. It binds the node's outputs itself.
type Expansion func(c *Call) error

// Call is a node that stands for others, as its expansion sees it: beside what a builder sees, the values that it reads
// and a hand in the lowering.
type Call struct {
	*op.Call
	Values []*ir.Value // of the inputs, nil where one is absent
	Lower  Lowering
}

// Lowering is what an expansion may ask of whoever lowers the graph, at its node's place in it.
type Lowering interface {
	// Emit lowers one of the nodes that a node stands for and returns its output. The operator may have a domain before
	// it; inputs that are nil are absent.
	Emit(op string, attrs []*onnxpb.AttributeProto, in ...*ir.Value) (*ir.Value, error)
	// Itself lowers the node itself over other values.
	Itself(in []*ir.Value) error
	// Add appends an operator over values to the graph, with a gradient to each.
	Add(op op.Operator, specs []op.Spec, in []*ir.Value) error
	// Body lowers a subgraph with its inputs bound to the values and returns its outputs.
	Body(g *onnxpb.GraphProto, in []*ir.Value) ([]*ir.Value, error)
	// Apart is Body, with the nodes kept apart from the graph's.
	Apart(g *onnxpb.GraphProto, in []*ir.Value) ([]*ir.Node, []*ir.Value, error)
	// Reach says whether a coefficient, and a gradient to one, may reach what the node and its subgraphs read.
	Reach() (gated, grad bool)
	// Bind names an output of the node.
	Bind(output int, v *ir.Value)
}

// Operators are the operators that are lowered to others, by name, with the
// domain where it is not ONNX's own. They are assigned at start because they
// lower bodies in which they occur again.
var Operators map[string]Expansion

func init() {
	Operators = map[string]Expansion{
		"If": expandIf, "Loop": expandLoop, "Scan": expandScan,
		"SequenceConstruct": expandSequenceConstruct, "SequenceEmpty": expandSequenceEmpty,
		"SequenceInsert": expandSequenceInsert, "SequenceErase": expandSequenceErase,
		"SequenceAt": expandSequenceAt, "SequenceLength": expandSequenceLength,
		"SequenceMap": expandSequenceMap, "ConcatFromSequence": expandConcatFromSequence,
		"SplitToSequence": expandSplitToSequence, "Optional": expandOptional,
		"OptionalHasElement": expandOptionalHasElement, "OptionalGetElement": expandOptionalGetElement,
		"Attention": expandAttention, "RotaryEmbedding": expandRotaryEmbedding, "STFT": expandSTFT,
		"LinearAttention": expandLinearAttention, "com.microsoft.LinearAttention": expandLinearAttention,
		"CausalConvWithState": expandCausalConv, "com.microsoft.CausalConvWithState": expandCausalConv,
		"ai.onnx.preview.FlexAttention":         expandFlexAttention,
		"com.microsoft.Attention":               expandMicrosoftAttention,
		"com.microsoft.GroupQueryAttention":     expandGroupQuery,
		"com.microsoft.BiasAdd":                 expandBiasAdd,
		"com.microsoft.CDist":                   expandDistances,
		"com.microsoft.BiasSplitGelu":           expandBiasSplitGelu,
		"com.microsoft.GroupNorm":               expandFusedGroupNorm,
		"com.microsoft.SkipGroupNorm":           expandSkipGroupNorm,
		"com.microsoft.NhwcConv":                expandChannelsLast("com.microsoft.FusedConv"),
		"com.microsoft.NhwcFusedConv":           expandChannelsLast("com.microsoft.FusedConv"),
		"com.microsoft.NhwcMaxPool":             expandChannelsLast("MaxPool"),
		"com.microsoft.MultiHeadAttention":      expandMultiHeadAttention,
		"com.microsoft.RotaryEmbedding":         expandRotaryMicrosoft,
		"com.microsoft.EmbedLayerNormalization": expandEmbedLayerNorm,
	}
}

// Of returns the expansion of a node, nil if it has none. Some operators have one only in some of their forms:
// Identity where its input is no tensor, FusedMatMul where rows come before batches, DFT back to real numbers, a
// normalisation whose scale repeats, Concat where the graph is stretched.
func Of(c *Call) Expansion {
	switch op := c.Op(); {
	case op == "Identity" && c.Has(0) && c.Values[0].List != nil:
		return expandIdentity
	case op == "com.microsoft.FusedMatMul" && c.Int("transBatchA", 0)|c.Int("transBatchB", 0) != 0:
		return expandBatchMatMul
	case op == "DFT" && c.Int("inverse", 0) != 0 && c.Int("onesided", 0) != 0:
		return expandRealDFT
	case c.repeatsScale():
		return expandScale
	case c.lacksSamples():
		return expandShortConcat
	default:
		return Operators[op]
	}
}

// expandIdentity gives a sequence or optional another name.
func expandIdentity(c *Call) error {
	c.Lower.Bind(0, c.Values[0])
	return nil
}

// intValue is a known int64 scalar or, with dims, a tensor of that shape.
func intValue(v int64, dims ...int) *ir.Value {
	return knownValue(int64Tensor(dims, v))
}

// int64Tensor is a tensor of the elements.
func int64Tensor(dims []int, v ...int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: dims, I: v}
}

// knownValue is a value whose elements are known.
func knownValue(t *op.Tensor) *ir.Value { return &ir.Value{Spec: t.Spec(), Known: t, Param: -1} }

// each returns f of every element.
func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
