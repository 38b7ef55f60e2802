package network

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// An expansion lowers a node whose work is other nodes: control flow,
// sequences, attention. It binds the node's outputs itself.
type expansion func(l *lowerer, c *call, p place) error

// place is where a node stands: the names it sees, the operators in force, and how deep bodies nest there.
type place struct {
	scope *scope
	ops   opsets
	depth int
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
func expansionOf(c *call) expansion {
	switch op := c.op(); {
	case op == "Identity" && c.has(0) && c.in[0].value.list != nil:
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
func expandIdentity(_ *lowerer, c *call, p place) error {
	p.scope.bind(c, 0, c.in[0].value)
	return nil
}

// bind names an output of a node.
func (s *scope) bind(c *call, output int, v *value) {
	if names := c.node.GetOutput(); output < len(names) && names[output] != "" {
		s.values[names[output]] = v
	}
}

// emitOpset is the opset whose forms [lowerer.emit] writes.
const emitOpset = 18

// emit lowers one of the nodes that a node stands for and returns its output. The operator may have a domain before it;
// inputs that are nil are absent.
func (l *lowerer) emit(c *call, depth int, op string, attrs []*onnxpb.AttributeProto, in ...*value) (*value, error) {
	dot := strings.LastIndexByte(op, '.')
	n := &onnxpb.NodeProto{
		Name: proto.String(c.name), Domain: proto.String(op[:max(0, dot)]), OpType: proto.String(op[dot+1:]),
		Attribute: attrs, Output: []string{"out"},
	}
	s := newScope(nil, nil, nil)
	for i, v := range in {
		if v == nil {
			n.Input = append(n.Input, "")
			continue
		}
		name := fmt.Sprint(i)
		n.Input = append(n.Input, name)
		s.values[name] = v
	}
	if err := l.nodes([]*onnxpb.NodeProto{n}, n.Output, place{s, opsets{"": emitOpset, "com.microsoft": 1}, depth}); err != nil {
		return nil, err
	}
	return s.values["out"], nil
}

// body lowers a subgraph with its inputs bound to the values, nil for an absent one, and returns its outputs.
func (l *lowerer) body(c *call, g *onnxpb.GraphProto, p place, in []*value) ([]*value, error) {
	s := newScope(p.scope, g.GetInitializer(), g.GetSparseInitializer())
	if len(g.GetInput()) != len(in) {
		return nil, c.shapeError("its body has %d inputs, want %d", len(g.GetInput()), len(in))
	}
	for i, v := range in {
		s.values[g.GetInput()[i].GetName()] = v
	}
	names := outputNames(g)
	if err := l.nodes(g.GetNode(), names, place{s, p.ops, p.depth + 1}); err != nil {
		return nil, err
	}
	outs := make([]*value, len(names))
	for i, name := range names {
		v, err := l.lookup(name, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, c.invalid("nothing in its body computes output %q", name)
		}
		outs[i] = v
	}
	return outs, nil
}

// intValue is a known int64 scalar or, with dims, a tensor of that shape.
func intValue(v int64, dims ...int) *value {
	return knownValue(int64Tensor(dims, v))
}

// int64Tensor is a tensor of the elements.
func int64Tensor(dims []int, v ...int64) *Tensor { return &Tensor{Type: onnx.Int64, Shape: dims, I: v} }

// knownValue is a value whose elements are known.
func knownValue(t *Tensor) *value { return &value{spec: t.Spec(), known: t, param: -1} }
