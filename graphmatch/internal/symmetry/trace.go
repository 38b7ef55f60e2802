package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// tracer follows axes through a model.
type tracer struct {
	*flow.Network
	layouts map[*flow.Value]*layout
	params  map[flow.Reader]*flow.Param
	owner   map[*flow.Param]*flow.Unit
	skip    map[*flow.Node]bool // followed with another node: inside of a composed normalisation, or a channel shuffle
	// What is known of arrays of whole numbers, and how many symbols stand for lengths.
	computed    map[*flow.Value][]number
	numberRules map[string]func(*tracer, *flow.Node) []number // a field, since the rules ask for numbers themselves
	symbols     int
	Symmetry
}

// Trace derives the symmetry of a model.
func Trace(v *flow.Network) *Symmetry {
	t := newTracer(v)
	t.trace()
	for _, out := range v.Outputs {
		t.layouts[out].freeze()
	}
	t.freezeConflicts()
	t.collect()
	return &t.Symmetry
}

// Ranks returns a function that says how many axes a value of a model has, -1 where the graph does not say.
func Ranks(v *flow.Network) func(*flow.Value) int {
	t := newTracer(v)
	t.trace()
	return func(x *flow.Value) int { return t.layout(x).rank }
}

// newTracer knows the parameters of a model, and no axes yet.
func newTracer(v *flow.Network) *tracer {
	t := &tracer{
		Network: v, layouts: map[*flow.Value]*layout{}, params: map[flow.Reader]*flow.Param{},
		owner: map[*flow.Param]*flow.Unit{}, skip: map[*flow.Node]bool{},
		computed: map[*flow.Value][]number{}, numberRules: numberRules,
	}
	for _, u := range v.Units {
		for _, p := range u.Params {
			if p.C.Elements() == 0 {
				continue // an empty tensor may have an axis of any length
			}
			t.owner[p] = u
			for _, at := range p.At {
				t.params[at] = p
			}
		}
		t.skipGroups(u)
	}
	return t
}

// trace follows the axes of all values.
func (t *tracer) trace() {
	t.inputs()
	for _, n := range t.Nodes {
		if n.Live && !t.skip[n] {
			t.node(n)
		}
	}
}

// inputs gives the graph's inputs the ranks and sizes that the file declares.
func (t *tracer) inputs() {
	g := t.Model.Proto().GetGraph()
	declared := map[string]*onnxpb.ValueInfoProto{}
	for _, in := range g.GetInput() {
		declared[in.GetName()] = in
	}
	for name, v := range t.Named {
		shape := declared[name].GetType().GetTensorType().GetShape()
		if v.From != nil || shape == nil {
			continue
		}
		f := ranked(len(shape.GetDim()))
		for i, d := range shape.GetDim() {
			if f.axes[i].size = int(max(0, d.GetDimValue())); f.axes[i].size == 0 {
				t.symbols++
				f.axes[i].sym = t.symbols
			}
		}
		t.layouts[v] = f
	}
}

// node follows the axes through one node. Operators without a rule fix the order of all that they read.
func (t *tracer) node(n *flow.Node) {
	rule := rules[n.Op]
	for _, in := range n.In {
		if f := t.layout(in); f.stack != nil && !unstacking[n.Op] {
			f.stack.freeze()
		}
	}
	if rule == nil || !rule(t, n) || t.leavesOutputUnknown(n) {
		for _, in := range n.In {
			t.layout(in).freeze()
		}
	}
	for _, out := range n.Out {
		if t.layouts[out] == nil {
			t.layouts[out] = unknown()
		}
	}
}

// leavesOutputUnknown tells whether somebody reads an output that the rule said nothing about (indices of a MaxPool,
// statistics of a normalisation).
func (t *tracer) leavesOutputUnknown(n *flow.Node) bool {
	return slices.ContainsFunc(n.Out, func(v *flow.Value) bool {
		return t.layouts[v] == nil && (len(v.Readers) > 0 || slices.Contains(t.Outputs, v))
	})
}

// unstacking operators have rules that know what to do with a stack.
var unstacking = map[string]bool{
	"Gather": true, "Transpose": true, "Reshape": true, "Shape": true, "Split": true, "Concat": true,
}

// layout is what is known of a value's axes.
func (t *tracer) layout(v *flow.Value) *layout {
	switch {
	case v == nil:
		return unknown()
	case v.Fixed != nil:
		f := ranked(len(v.Fixed.Shape))
		for i, d := range v.Fixed.Shape {
			f.axes[i].size = d
		}
		return f
	case t.layouts[v] == nil:
		return unknown()
	}
	return t.layouts[v]
}

// input is the layout of an input slot.
func (t *tracer) input(n *flow.Node, slot int) *layout {
	if slot >= len(n.In) {
		return unknown()
	}
	return t.layout(n.In[slot])
}

// param is the parameter that a node reads at a slot, nil for data and constants.
func (t *tracer) param(n *flow.Node, slot int) *flow.Param {
	return t.params[flow.Reader{Node: n, Slot: slot}]
}

// result gives a node's first output its layout.
func (t *tracer) result(n *flow.Node, f *layout) bool {
	if len(n.Out) > 0 {
		t.layouts[n.Out[0]] = f
	}
	return true
}

// newSet makes a set of hidden units, the output of a node's layer along an axis.
func (t *tracer) newSet(n *flow.Node, size, fromEnd int) axis {
	a := axisOf(&Set{Size: size}, size)
	if n.Unit != nil {
		t.LayerOutputs = append(t.LayerOutputs, LayerOutput{Unit: n.Unit, FromEnd: fromEnd, axis: a})
	}
	return a
}
