package network

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Graph is a lowered ONNX graph: a list of operator nodes in execution order
// over values with known types and shapes. It is immutable.
type Graph struct{ lowered *ir.Graph }

// Outputs returns the graph's outputs in the order they were asked for.
func (g *Graph) Outputs() []ir.Output { return g.lowered.Outputs }

// Producer returns the operator type that computes output i and the axis it
// works along where it is a normalisation over one (Softmax, LogSoftmax), else -1.
// It looks through reshapes and conversions. The operator is "" for an input or a constant.
func (g *Graph) Producer(i int) (op string, axis int) {
	v := g.lowered.Outputs[i].Value.Root()
	for v.Node != nil && conversions[v.Node.Op] {
		v = v.Node.In[0].Root()
	}
	if v.Node == nil {
		return "", -1
	}
	if a, ok := v.Node.Run.(interface{ NormAxis() int }); ok {
		return v.Node.Op, a.NormAxis()
	}
	return v.Node.Op, -1
}

// conversions are operators that exporters and converters put behind the last one without changing what it means.
var conversions = map[string]bool{
	"Cast": true, "QuantizeLinear": true, "DequantizeLinear": true,
	"com.microsoft.QuantizeLinear": true, "com.microsoft.DequantizeLinear": true,
}

// Params returns the mixtures of the graph.
func (g *Graph) Params() []ir.Param { return g.lowered.Params }

// InputNames returns the names of the graph inputs that some node reads.
func (g *Graph) InputNames() []string {
	names := make([]string, len(g.lowered.Inputs))
	for i, v := range g.lowered.Inputs {
		names[i] = v.Input
	}
	return names
}

// Bytes is the memory of all that the graph's nodes and mixtures compute, were
// each kept to itself: more than a forward pass takes, which shares buffers, and
// about what a Program takes.
func (g *Graph) Bytes() int64 {
	var bytes int64
	for _, n := range g.lowered.Nodes {
		for _, v := range n.Out {
			if v != nil {
				bytes += bytesOf(v.Spec)
			}
		}
	}
	for _, p := range g.lowered.Params {
		bytes += bytesOf(op.Spec{Type: p.Type, Shape: p.Shape})
	}
	return bytes
}

// bytesOf is the memory of a tensor's elements.
func bytesOf(s op.Spec) int64 {
	if s.IsFloat() || s.Type == 0 {
		return 4 * int64(s.Len())
	}
	return 8 * int64(s.Len())
}

// SameAnswer says whether output i is output j, or a softmax or sigmoid of it: both answer the same, one as scores.
func (g *Graph) SameAnswer(i, j int) bool {
	a, b := g.lowered.Outputs[i].Value.Root(), g.lowered.Outputs[j].Value.Root()
	if a == b {
		return true
	}
	if a.Node == nil {
		return false
	}
	switch a.Node.Op {
	case "Softmax", "LogSoftmax", "Sigmoid":
		return a.Node.In[0].Root() == b
	}
	return false
}
