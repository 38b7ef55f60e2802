package graphmatch

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// symmetry is what may be reordered in a model without changing what it computes: sets of hidden units,
// and the axes of all parameters that count them. It follows from the graph alone, by following every
// axis that a layer makes until an operator fixes its order (Git Re-Basin, arXiv 2209.04836, section 3,
// writes these specifications by hand for each network).
type symmetry struct {
	faces []*face
	made  []made
	sets  []*hidden // leaves that may be reordered, in the order their layers come
}

// made is a layer's output axis.
type made struct {
	unit    *unit
	axis    axis
	fromEnd int
}

// face is a parameter, or a block of one, with what its axes count.
type face struct {
	unit  *unit
	param *param
	first int   // offset of the block's first element in the stored tensor
	shape []int // of the block; its elements are consecutive
	axes  []axis
}

// tracer follows axes through a model.
type tracer struct {
	*view
	forms  map[*value]*form
	params map[reader]*param
	owner  map[*param]*unit
	skip   map[*node]bool // followed with another node: inside of a composed normalisation, or a shuffle
	// What is known of arrays of whole numbers, and how many symbols stand for lengths.
	computed map[*value][]number
	symbols  int
	symmetry
}

// traceSymmetry derives the symmetry of a model.
func traceSymmetry(v *view) *symmetry {
	t := newTracer(v)
	t.trace()
	for _, out := range v.outputs {
		t.forms[out].freeze()
	}
	t.settle()
	t.collect()
	return &t.symmetry
}

// rankOf returns a function that says how many axes a value of a model has, -1 where the graph does not say.
func rankOf(v *view) func(*value) int {
	t := newTracer(v)
	t.trace()
	return func(x *value) int { return t.form(x).rank }
}

// newTracer knows the parameters of a model, and no axes yet.
func newTracer(v *view) *tracer {
	t := &tracer{view: v, forms: map[*value]*form{}, params: map[reader]*param{}, owner: map[*param]*unit{}, skip: map[*node]bool{}, computed: map[*value][]number{}}
	for _, u := range v.units {
		for _, p := range u.params {
			if p.c.elements() == 0 {
				continue // an empty tensor may have an axis of any length
			}
			t.owner[p] = u
			for _, at := range p.at {
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
	for _, n := range t.nodes {
		if n.live && !t.skip[n] {
			t.node(n)
		}
	}
}

// inputs gives the graph's inputs the ranks and sizes that the file declares.
func (t *tracer) inputs() {
	g := t.model.Proto().GetGraph()
	declared := map[string]*onnxpb.ValueInfoProto{}
	for _, in := range g.GetInput() {
		declared[in.GetName()] = in
	}
	for name, v := range t.named {
		shape := declared[name].GetType().GetTensorType().GetShape()
		if v.from != nil || shape == nil {
			continue
		}
		f := ranked(len(shape.GetDim()))
		for i, d := range shape.GetDim() {
			if f.axes[i].size = int(max(0, d.GetDimValue())); f.axes[i].size == 0 {
				t.symbols++
				f.axes[i].sym = t.symbols
			}
		}
		t.forms[v] = f
	}
}

// node follows the axes through one node. Operators without a rule fix the order of all that they read.
func (t *tracer) node(n *node) {
	rule := rules[n.op]
	for _, in := range n.in {
		if f := t.form(in); f.stack != nil && !unstacking[n.op] {
			f.stack.freeze()
		}
	}
	if rule == nil || !rule(t, n) || t.untold(n) {
		for _, in := range n.in {
			t.form(in).freeze()
		}
	}
	for _, out := range n.out {
		if t.forms[out] == nil {
			t.forms[out] = unknown()
		}
	}
}

// untold tells whether somebody reads an output that the rule said nothing about (indices of a MaxPool,
// statistics of a normalisation).
func (t *tracer) untold(n *node) bool {
	return slices.ContainsFunc(n.out, func(v *value) bool {
		return t.forms[v] == nil && (len(v.readers) > 0 || slices.Contains(t.outputs, v))
	})
}

// unstacking operators have rules that know what to do with a stack.
var unstacking = map[string]bool{"Gather": true, "Transpose": true, "Reshape": true, "Shape": true, "Split": true, "Concat": true}

// form is what is known of a value's axes.
func (t *tracer) form(v *value) *form {
	switch {
	case v == nil:
		return unknown()
	case v.fixed != nil:
		f := ranked(len(v.fixed.shape))
		for i, d := range v.fixed.shape {
			f.axes[i].size = d
		}
		return f
	case t.forms[v] == nil:
		return unknown()
	}
	return t.forms[v]
}

// input is the form of an input slot.
func (t *tracer) input(n *node, slot int) *form {
	if slot >= len(n.in) {
		return unknown()
	}
	return t.form(n.in[slot])
}

// param is the parameter that a node reads at a slot, nil for data and constants.
func (t *tracer) param(n *node, slot int) *param { return t.params[reader{node: n, slot: slot}] }

// result gives a node's first output its form.
func (t *tracer) result(n *node, f *form) bool {
	if len(n.out) > 0 {
		t.forms[n.out[0]] = f
	}
	return true
}

// newSet makes a set of hidden units, the output of a node's layer along an axis.
func (t *tracer) newSet(n *node, size, fromEnd int) axis {
	a := axis{size: size, runs: []segment{{set: &hidden{size: size}, repeat: 1}}}
	if n.unit != nil {
		t.made = append(t.made, made{n.unit, a, fromEnd})
	}
	return a
}

// face records what the axes of a parameter count, given for the axes that the reader sees.
func (t *tracer) face(p *param, seen []axis) {
	f := &face{unit: t.owner[p], param: p, shape: p.c.fileShape()}
	f.axes = make([]axis, len(f.shape))
	for i, a := range seen {
		k := p.c.tensorAxis(i)
		if k < 0 || p.c.shape[i] != f.shape[k] {
			a.freeze()
			continue
		}
		f.axes[k] = a
	}
	t.faces = append(t.faces, f)
}

// settle freezes what the faces contradict: runs of unknown length, axes that count heads, and a constant
// that two parameters read through one and the same node, which no edit could reorder for one alone.
func (t *tracer) settle() {
	first := map[onnx.Site]*face{}
	for _, f := range t.faces {
		for i, a := range f.axes {
			if slices.ContainsFunc(a.runs, func(s segment) bool { return s.grain != entire }) || len(a.runs) > 0 && (axis{runs: a.runs}).extent() != f.shape[i] {
				a.freeze()
			}
		}
		for _, at := range f.param.at {
			site := at.site(f.param.c)
			if g := first[site]; g == nil {
				first[site] = f
			} else if g.param != f.param {
				f.freeze()
				g.freeze()
			}
		}
	}
}

// freeze fixes the order along all axes of a face.
func (f *face) freeze() {
	for _, a := range f.axes {
		a.freeze()
	}
}

// collect lists the sets that may be reordered, each once.
func (t *tracer) collect() {
	seen := map[*hidden]bool{}
	for _, f := range t.faces {
		for _, a := range f.axes {
			for _, set := range a.sets() {
				for _, h := range set.leaves() {
					if !seen[h] && h.movable() {
						seen[h] = true
						h.number = len(t.sets)
						t.sets = append(t.sets, h)
					}
				}
			}
		}
	}
}

// skipGroups marks the nodes inside a group normalisation that an exporter composed of reshapes and an
// InstanceNormalization; the scale that follows takes its axes from what they read.
func (t *tracer) skipGroups(u *unit) {
	if u.op != "GroupNormalization" || u.anchor.op != "Mul" {
		return
	}
	for slot, in := range u.anchor.in {
		if t.params[reader{node: u.anchor, slot: slot}] != nil || in == nil {
			continue
		}
		for n := in.from; n != nil && in != u.data[0]; n = in.from {
			t.skip[n] = true
			in = n.in[0]
		}
	}
}

// groups is the number of groups of a group normalisation, 0 when the file does not say.
func (t *tracer) groups(u *unit) int {
	if u.anchor.op != "Mul" {
		return int(intAttr(u.anchor.proto, "num_groups", 0))
	}
	i := slices.IndexFunc(u.members, func(n *node) bool { return n.op == "InstanceNormalization" })
	if i < 0 || u.members[i].in[1] == nil || u.members[i].in[1].fixed == nil {
		return 0
	}
	return u.members[i].in[1].fixed.elements()
}
