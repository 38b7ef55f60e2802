package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Canonical is the graph that signatures are computed on: layers as single nodes, layout changes and scalar
// constants gone. Its nodes are in an order that follows from the structure alone (inputs before readers,
// outputs visited in order, input slots in order), so that neither names nor the file's order matter.
type Canonical struct {
	Nodes []*CanonicalNode
}

// CanonicalNode is one node of a canonical graph.
type CanonicalNode struct {
	Op      string // what the node does
	Shape   string // shapes of its parameters
	Unit    *Unit
	In      []Edge
	Out     []Edge
	Ordered bool // whether the order of inputs matters
	End     *End // of an input or output of the graph, else nil
}

// End is an input or an output of a graph.
type End struct {
	At   int    // its place among the graph's inputs without an initializer, or among its outputs
	Name string // in the file
	Spec string // whether it holds floats, and the lengths that its file gives of the axes behind the first
}

// newEnd describes an input or output as its file declares it.
func newEnd(at int, v *onnxpb.ValueInfoProto) *End {
	t := v.GetType().GetTensorType()
	spec := fmt.Sprint(onnx.DataType(t.GetElemType()).IsFloat())
	for i, d := range t.GetShape().GetDim() {
		if i > 0 {
			spec += fmt.Sprintf(" %d", d.GetDimValue())
		}
	}
	return &End{at, v.GetName(), spec}
}

// Edge leads to another node: for inputs the producer and its output number, for outputs the reader and
// its input slot.
type Edge struct {
	Node *CanonicalNode
	Port int
}

// newCanon builds the canonical graph of a view.
func newCanon(v *Network) *Canonical {
	b := &canonBuilder{units: map[*Unit]*CanonicalNode{}, made: map[*Value]Edge{}}
	for i, in := range v.inputs {
		b.made[in] = Edge{Node: &CanonicalNode{Op: "input", End: newEnd(i, v.entries[i])}}
	}
	for _, n := range v.Nodes {
		if n.Live {
			b.add(n)
		}
	}
	g, seen := &Canonical{}, map[*CanonicalNode]bool{}
	for i, out := range v.Outputs {
		end := &CanonicalNode{Op: "output", Ordered: true, End: newEnd(i, v.Model.Proto().GetGraph().GetOutput()[i])}
		b.connect(end, out)
		g.collect(end, seen)
	}
	g.LinkOutputs()
	return g
}

type canonBuilder struct {
	units map[*Unit]*CanonicalNode
	made  map[*Value]Edge // where each value comes from
}

// add enters one node of the flow: as a part of its layer, as what it reads if it changes the layout only, or by
// itself.
func (b *canonBuilder) add(n *Node) {
	var c *CanonicalNode
	switch {
	case n.Unit != nil && len(n.Unit.Params) > 0:
		if c = b.units[n.Unit]; c == nil {
			c = b.addUnit(n.Unit)
		}
	case layoutOnly[n.Op] && len(n.In) > 0 && n.In[0] != nil:
		for _, out := range n.Out {
			b.made[out] = b.made[n.In[0]]
		}
		return
	default:
		c = b.addOperator(n)
	}
	for _, out := range n.Out {
		b.made[out] = Edge{c, out.port}
	}
}

// addOperator enters a node that belongs to no layer.
func (b *canonBuilder) addOperator(n *Node) *CanonicalNode {
	c := &CanonicalNode{Op: n.Op + n.attributes(), Ordered: !commutative[n.Op]}
	for slot, in := range n.In {
		if in == nil || !carriesData(n, slot) {
			continue
		}
		if in.Fixed != nil && c.Ordered {
			c.Op += fmt.Sprintf(" c%d", slot)
		}
		b.connect(c, in)
	}
	return c
}

// addUnit enters a layer as one node.
func (b *canonBuilder) addUnit(u *Unit) *CanonicalNode {
	c := &CanonicalNode{Op: u.Kind + u.Anchor.attributes(), Shape: u.shapes(), Unit: u, Ordered: true}
	b.units[u] = c
	for _, in := range u.Data {
		b.connect(c, in)
	}
	return c
}

// connect gives a node an input; constants and unknown values add none.
func (b *canonBuilder) connect(c *CanonicalNode, v *Value) {
	if e, ok := b.made[v]; ok && e.Node != nil {
		c.In = append(c.In, e)
	}
}

// collect appends the nodes that an end needs and that have not been seen, inputs before readers.
func (g *Canonical) collect(end *CanonicalNode, seen map[*CanonicalNode]bool) {
	type frame struct {
		c    *CanonicalNode
		next int
	}
	stack := []frame{{c: end}}
	seen[end] = true
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == len(f.c.In) {
			g.Nodes = append(g.Nodes, f.c)
			stack = stack[:len(stack)-1]
			continue
		}
		child := f.c.In[f.next].Node
		f.next++
		if !seen[child] {
			seen[child] = true
			stack = append(stack, frame{c: child})
		}
	}
}

// LinkOutputs fills in the readers of every node.
func (g *Canonical) LinkOutputs() {
	for _, c := range g.Nodes {
		for slot, e := range c.In {
			if !c.Ordered {
				slot = 0
			}
			e.Node.Out = append(e.Node.Out, Edge{c, slot})
		}
	}
}

// attributes are those attributes of a node that tell it from others of its operator.
func (n *Node) attributes() string {
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(distinguishing[n.Op])) {
		fmt.Fprintf(&s, " %s=%d", name, n.Attributes().Int(name, distinguishing[n.Op][name]))
	}
	for _, name := range distinguishingLists[n.Op] {
		if list := n.Attributes().Ints(name, nil); slices.ContainsFunc(list, func(i int64) bool { return i != 1 }) {
			fmt.Fprintf(&s, " %s=%v", name, list)
		}
	}
	return s.String()
}

// shapes describes a layer's parameters independent of how they are stored.
func (u *Unit) shapes() string {
	var s strings.Builder
	for _, p := range u.Params {
		fmt.Fprintf(&s, "%s%v ", p.Role, u.CanonicalShape(p))
	}
	return s.String()
}

// CanonicalShape is a parameter's shape in the layer's own orientation: inputs before outputs for a linear
// layer, and without axes of length one for vectors.
func (u *Unit) CanonicalShape(p *Param) []int {
	shape := p.C.Shape
	if p.Role == "weight" && u.outputsFirst(p) {
		shape = slices.Clone(shape)
		slices.Reverse(shape)
	}
	if vectorRoles[p.Role] {
		shape = slices.DeleteFunc(slices.Clone(shape), func(d int) bool { return d == 1 })
	}
	return shape
}

// vectorRoles are parameters that broadcast along all axes but one.
var vectorRoles = map[string]bool{"bias": true, "scale": true, "mean": true, "var": true, "slope": true}

// outputsFirst tells whether what the anchor reads is the transposed of a linear layer's own orientation.
func (u *Unit) outputsFirst(p *Param) bool {
	return u.Kind == "Linear" && len(p.C.Shape) == 2 && u.Anchor.Attributes().Int("transB", 0) != 0
}
