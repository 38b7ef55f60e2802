package ir

import (
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// Graph is a lowered ONNX graph: a list of operator nodes in execution order
// over values with known types and shapes.
type Graph struct {
	Inputs  []*Value // the graph inputs that some node reads
	Outputs []Output
	Nodes   []*Node
	Params  []Param
}

// Output is one output of a lowered graph.
type Output struct {
	Name string
	op.Spec
	Value *Value
}

// Param is a weight that is a mixture of the parents' weights: at each of its
// sites the graph reads sum_j c_j * Values[j] in place of the base's tensor.
type Param struct {
	Name   string        // for messages
	Sites  []onnx.Site   // the input slots that read it
	Shape  []int         // shape of the tensor
	Type   onnx.DataType // float type of the tensor in the file; 0 is float32
	Values [][]float32   // one tensor a parent, row-major; nil for a parent whose coefficient is always 0
	Gate   int           // which group of coefficients mixes it
	Axis   int           // channel axis: one coefficient a parent and index along it; see WholeTensor, EachElement
}

// Axes of mixtures that are no axis.
const (
	WholeTensor = -1 // one coefficient a parent
	EachElement = -2 // one coefficient a parent and element
)

// Fixed is a weight of a float type that holds one number throughout.
type Fixed struct {
	op.Spec
	Sites  []onnx.Site // the input slots that read it
	Number float32
}

// Value is one tensor of a lowered graph. Exactly one of known, param, input,
// view and node says where its elements come from.
type Value struct {
	Spec  op.Spec
	Known *op.Tensor // elements that depend on nothing
	Param int        // index of the mixture in graphIR.params, or -1
	Input string     // name of the graph input, or ""
	View  *Value     // the value whose elements these are, under another spec
	Node  *Node      // the node that computes it
	Out   int        // which of the node's outputs it is

	List     *[]*Value // the elements of a sequence or an optional, which have no elements of their own
	Optional bool

	Fed   bool // depends on a graph input
	Gated bool // depends on a coefficient
	Grad  bool // a gradient can flow from it to a coefficient
}

// Root follows views to the value that holds the elements.
func (v *Value) Root() *Value {
	for v.View != nil {
		v = v.View
	}
	return v
}

// Node is one operator call of a lowered graph.
type Node struct {
	Name string // for messages
	Op   string
	Run  op.Operator
	Zero bool     // its gradient is zero everywhere
	In   []*Value // nil where an optional input is absent
	Out  []*Value // nil where nobody reads an output
}

// Prune drops nodes and outputs of nodes that no output of the graph depends on.
func (g *Graph) Prune() {
	used := map[*Value]bool{}
	for _, o := range g.Outputs {
		used[o.Value.Root()] = true
	}
	var kept []*Node
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		live := false
		for k, v := range n.Out {
			if v != nil && used[v] {
				live = true
			} else {
				n.Out[k] = nil
			}
		}
		if !live {
			continue
		}
		for _, v := range n.In {
			if v != nil {
				used[v.Root()] = true
			}
		}
		kept = append(kept, n)
	}
	g.Nodes = g.Nodes[:0]
	for i := len(kept) - 1; i >= 0; i-- {
		g.Nodes = append(g.Nodes, kept[i])
	}
	inputs := g.Inputs
	g.Inputs = nil
	for _, v := range inputs {
		if used[v] {
			g.Inputs = append(g.Inputs, v)
		}
	}
}

// Absent stands for an optional input that a function call leaves out.
var Absent = &Value{Param: -1}
