package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Symmetry is what may be reordered in a model without changing what it computes: sets of hidden units,
// and the axes of all parameters that count them. It follows from the graph alone, by following every
// axis that a layer makes until an operator fixes its order (Git Re-Basin, arXiv 2209.04836, section 3,
// writes these specifications by hand for each network).
type Symmetry struct {
	Blocks       []*Block
	LayerOutputs []LayerOutput
	Sets         []*Set // leaves that may be reordered, in the order their layers come
}

// LayerOutput is a layer's output axis.
type LayerOutput struct {
	Unit    *flow.Unit
	Axis    axis
	FromEnd int
}

// Block is a parameter, or a block of one, with what its axes count.
type Block struct {
	Unit  *flow.Unit
	Param *flow.Param
	First int   // offset of the block's first element in the stored tensor
	Shape []int // of the block; its elements are consecutive
	Axes  []axis
}

// tracer follows axes through a model.
type tracer struct {
	*flow.Network
	layouts map[*flow.Value]*layout
	params  map[flow.Reader]*flow.Param
	owner   map[*flow.Param]*flow.Unit
	skip    map[*flow.Node]bool // followed with another node: inside of a composed normalisation, or a shuffle
	// What is known of arrays of whole numbers, and how many symbols stand for lengths.
	computed map[*flow.Value][]number
	symbols  int
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
	t := &tracer{Network: v, layouts: map[*flow.Value]*layout{}, params: map[flow.Reader]*flow.Param{}, owner: map[*flow.Param]*flow.Unit{}, skip: map[*flow.Node]bool{}, computed: map[*flow.Value][]number{}}
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
var unstacking = map[string]bool{"Gather": true, "Transpose": true, "Reshape": true, "Shape": true, "Split": true, "Concat": true}

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

// input is the form of an input slot.
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

// result gives a node's first output its form.
func (t *tracer) result(n *flow.Node, f *layout) bool {
	if len(n.Out) > 0 {
		t.layouts[n.Out[0]] = f
	}
	return true
}

// newSet makes a set of hidden units, the output of a node's layer along an axis.
func (t *tracer) newSet(n *flow.Node, size, fromEnd int) axis {
	a := axis{size: size, segments: []segment{{set: &Set{Size: size}, repeat: 1}}}
	if n.Unit != nil {
		t.LayerOutputs = append(t.LayerOutputs, LayerOutput{n.Unit, a, fromEnd})
	}
	return a
}

// record records what the axes of a parameter count, given for the axes that the reader sees.
func (t *tracer) record(p *flow.Param, seen []axis) {
	f := &Block{Unit: t.owner[p], Param: p, Shape: p.C.FileShape()}
	f.Axes = make([]axis, len(f.Shape))
	for i, a := range seen {
		k := p.C.TensorAxis(i)
		if k < 0 || p.C.Shape[i] != f.Shape[k] {
			a.freeze()
			continue
		}
		f.Axes[k] = a
	}
	t.Blocks = append(t.Blocks, f)
}

// freezeConflicts freezes what the faces contradict: runs of unknown length, axes that count heads, and a constant
// that two parameters read through one and the same node, which no edit could reorder for one alone.
func (t *tracer) freezeConflicts() {
	first := map[onnx.Site]*Block{}
	for _, f := range t.Blocks {
		for i, a := range f.Axes {
			if slices.ContainsFunc(a.segments, func(s segment) bool { return s.grain != entire }) || len(a.segments) > 0 && (axis{segments: a.segments}).extent() != f.Shape[i] {
				a.freeze()
			}
		}
		for _, at := range f.Param.At {
			site := at.Site(f.Param.C)
			if g := first[site]; g == nil {
				first[site] = f
			} else if g.Param != f.Param {
				f.freeze()
				g.freeze()
			}
		}
	}
}

// freeze fixes the order along all axes of a face.
func (f *Block) freeze() {
	for _, a := range f.Axes {
		a.freeze()
	}
}

// collect lists the sets that may be reordered, each once.
func (t *tracer) collect() {
	seen := map[*Set]bool{}
	for _, f := range t.Blocks {
		for _, a := range f.Axes {
			for _, set := range a.sets() {
				for _, h := range set.leaves() {
					if !seen[h] && h.movable() {
						seen[h] = true
						h.number = len(t.Sets)
						t.Sets = append(t.Sets, h)
					}
				}
			}
		}
	}
}

// skipGroups marks the nodes inside a group normalisation that an exporter composed of reshapes and an
// InstanceNormalization; the scale that follows takes its axes from what they read.
func (t *tracer) skipGroups(u *flow.Unit) {
	if u.Op != "GroupNormalization" || u.Anchor.Op != "Mul" {
		return
	}
	for slot, in := range u.Anchor.In {
		if t.params[flow.Reader{Node: u.Anchor, Slot: slot}] != nil || in == nil {
			continue
		}
		for n := in.From; n != nil && in != u.Data[0]; n = in.From {
			t.skip[n] = true
			in = n.In[0]
		}
	}
}

// groups is the number of groups of a group normalisation, 0 when the file does not say.
func (t *tracer) groups(u *flow.Unit) int {
	if u.Anchor.Op != "Mul" {
		return int(flow.IntAttr(u.Anchor.Proto, "num_groups", 0))
	}
	i := slices.IndexFunc(u.Members, func(n *flow.Node) bool { return n.Op == "InstanceNormalization" })
	if i < 0 || u.Members[i].In[1] == nil || u.Members[i].In[1].Fixed == nil {
		return 0
	}
	return u.Members[i].In[1].Fixed.Elements()
}
