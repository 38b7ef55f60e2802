package network

import (
	"github.com/softmerge/softmerge/onnx"
)

// graphIR is a lowered ONNX graph: a list of operator nodes in execution order
// over values with known types and shapes.
type graphIR struct {
	inputs  []*value // the graph inputs that some node reads
	outputs []Output
	nodes   []*node
	params  []Param
}

// Output is one output of a lowered graph.
type Output struct {
	Name string
	Spec
	value *value
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
	Axis   int           // channel axis: one coefficient a parent and index along it; -1: one a parent
}

// Fixed is a weight of a float type that holds one number throughout.
type Fixed struct {
	Spec
	Sites  []onnx.Site // the input slots that read it
	Number float32
}

// value is one tensor of a lowered graph. Exactly one of known, param, input,
// view and node says where its elements come from.
type value struct {
	spec  Spec
	known *Tensor // elements that depend on nothing
	param int     // index of the mixture in graphIR.params, or -1
	input string  // name of the graph input, or ""
	view  *value  // the value whose elements these are, under another spec
	node  *node   // the node that computes it
	out   int     // which of the node's outputs it is

	list     *[]*value // the elements of a sequence or an optional, which have no elements of their own
	optional bool

	fed   bool // depends on a graph input
	gated bool // depends on a coefficient
	grad  bool // a gradient can flow from it to a coefficient
}

// root follows views to the value that holds the elements.
func (v *value) root() *value {
	for v.view != nil {
		v = v.view
	}
	return v
}

// node is one operator call of a lowered graph.
type node struct {
	name string // for messages
	op   string
	run  Operator
	zero bool     // its gradient is zero everywhere
	in   []*value // nil where an optional input is absent
	out  []*value // nil where nobody reads an output
}

// prune drops nodes and outputs of nodes that no output of the graph depends on.
func (g *graphIR) prune() {
	used := map[*value]bool{}
	for _, o := range g.outputs {
		used[o.value.root()] = true
	}
	var kept []*node
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := g.nodes[i]
		live := false
		for k, v := range n.out {
			if v != nil && used[v] {
				live = true
			} else {
				n.out[k] = nil
			}
		}
		if !live {
			continue
		}
		for _, v := range n.in {
			if v != nil {
				used[v.root()] = true
			}
		}
		kept = append(kept, n)
	}
	g.nodes = g.nodes[:0]
	for i := len(kept) - 1; i >= 0; i-- {
		g.nodes = append(g.nodes, kept[i])
	}
	inputs := g.inputs
	g.inputs = nil
	for _, v := range inputs {
		if used[v] {
			g.inputs = append(g.inputs, v)
		}
	}
}

// absent stands for an optional input that a function call leaves out.
var absent = &value{param: -1}
