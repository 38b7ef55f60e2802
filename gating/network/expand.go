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

// expansions are the operators that are lowered to others, by name, with the
// domain where it is not ONNX's own. They are assigned at start because they lower bodies in which they occur again.
var expansions map[string]expansion

func init() {
	expansions = map[string]expansion{
		"If": expandIf, "Loop": expandLoop, "Scan": expandScan,
		"SequenceConstruct": expandSequenceConstruct, "SequenceEmpty": expandSequenceEmpty,
		"SequenceInsert": expandSequenceInsert, "SequenceErase": expandSequenceErase,
		"SequenceAt": expandSequenceAt, "SequenceLength": expandSequenceLength, "SequenceMap": expandSequenceMap,
		"ConcatFromSequence": expandConcatFromSequence, "SplitToSequence": expandSplitToSequence,
		"Optional": expandOptional, "OptionalHasElement": expandOptionalHasElement, "OptionalGetElement": expandOptionalGetElement,
		"Attention": expandAttention, "RotaryEmbedding": expandRotaryEmbedding, "STFT": expandSTFT,
		"com.microsoft.Attention": expandMicrosoftAttention, "com.microsoft.MultiHeadAttention": expandMultiHeadAttention,
		"com.microsoft.RotaryEmbedding": expandRotaryMicrosoft, "com.microsoft.EmbedLayerNormalization": expandEmbedLayerNorm,
	}
}

// expansionOf returns the expansion of a node, nil if it has none. Identity has one where its input is no tensor.
func expansionOf(c *call) expansion {
	if c.op() == "Identity" && c.has(0) && c.in[0].value.list != nil {
		return expandIdentity
	}
	return expansions[c.op()]
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

// emit lowers one of the nodes that a node stands for and returns its output. The operator may have a domain before it.
func (l *lowerer) emit(c *call, depth int, op string, attrs []*onnxpb.AttributeProto, in ...*value) (*value, error) {
	dot := strings.LastIndexByte(op, '.')
	n := &onnxpb.NodeProto{
		Name: proto.String(c.name), Domain: proto.String(op[:max(0, dot)]), OpType: proto.String(op[dot+1:]),
		Attribute: attrs, Output: []string{"out"},
	}
	s := newScope(nil, nil, nil)
	for i, v := range in {
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
