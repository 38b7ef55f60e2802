package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// conv follows Conv: the weight's first axis makes the output channels, its second reads the input's.
// Depthwise convolutions keep the input's channels; grouped ones keep channels within their groups.
func (t *tracer) conv(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) < 3 {
		return false
	}
	rank, group := len(w.C.Shape), int(flow.IntAttr(n.Proto, "group", 1))
	in := data.at(rank - 1)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	t.freezeSpace(data, rank-2)
	t.windowSizes(n, data, out, w.C.Shape[2:])
	outputs := w.C.Shape[0]
	switch {
	case group == 1:
		out.set(rank-1, t.newSet(n, outputs, rank-1))
		t.record(w, []axis{out.at(rank - 1), in.sized(w.C.Shape[1])})
	case w.C.Shape[1] == 1 && outputs == group:
		out.set(rank-1, in.sized(outputs))
		t.record(w, []axis{out.at(rank - 1)})
	default:
		a, ok := t.groupedConv(n, w, in, group)
		if !ok {
			in.freeze()
			t.record(w, nil)
		}
		out.set(rank-1, a)
	}
	if b := t.param(n, 2); b != nil {
		t.record(b, []axis{out.at(rank - 1)})
	} else if len(n.In) > 2 && n.In[2] != nil {
		out.at(rank - 1).freeze()
	}
	return t.result(n, out)
}

// freezeSpace fixes the order along the spatial axes, which a kernel slides over.
func (t *tracer) freezeSpace(data *layout, axes int) {
	for i := 1; i <= axes; i++ {
		data.at(i).freeze()
	}
}

// groupedConv splits input and output channels into the groups of a convolution, each with a block of
// the weight of its own.
func (t *tracer) groupedConv(n *flow.Node, w *flow.Param, in axis, group int) (axis, bool) {
	shape := w.C.FileShape()
	if w.C.Entry != nil || group < 2 || shape[0]%group != 0 {
		return axis{size: shape[0]}, false
	}
	rows, cols := shape[0]/group, shape[1]
	inputs, ok := in.divided(group, cols)
	out := t.newSet(n, shape[0], len(shape)-1)
	if !ok || !out.segments[0].set.split(repeated(rows, group)) {
		return axis{size: shape[0]}, false
	}
	block := append([]int{rows}, shape[1:]...)
	size := 1
	for _, d := range block {
		size *= d
	}
	for g, set := range out.segments[0].set.parts {
		f := &Block{Unit: t.owner[w], Param: w, First: g * size, Shape: block, Axes: make([]axis, len(block))}
		f.Axes[0], f.Axes[1] = axis{size: rows, segments: []segment{{set: set, repeat: 1}}}, inputs[g]
		t.Blocks = append(t.Blocks, f)
	}
	return out, true
}

func repeated(n, times int) (list []int) {
	for range times {
		list = append(list, n)
	}
	return list
}

// divided cuts an axis into equal consecutive groups, splitting its set if it is one.
func (a axis) divided(group, size int) ([]axis, bool) {
	out := make([]axis, group)
	if len(a.segments) == 0 {
		return out, true
	}
	if !a.whole() {
		return a.pieces(group, size)
	}
	set := a.segments[0].set
	if !set.split(repeated(size, group)) {
		return nil, false
	}
	for g, part := range set.root().parts {
		out[g] = axis{size: size, segments: []segment{{set: part, repeat: 1}}}
	}
	return out, true
}

// pieces cuts an axis of several runs into equal consecutive groups.
func (a axis) pieces(group, size int) ([]axis, bool) {
	out := make([]axis, group)
	if a.extent() != group*size {
		return nil, false
	}
	for g := range out {
		var ok bool
		if out[g], ok = a.cutOut(g*size, size); !ok {
			return nil, false
		}
	}
	return out, true
}

// convTranspose follows ConvTranspose without groups, whose weight has the input's channels first.
func (t *tracer) convTranspose(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) < 3 || flow.IntAttr(n.Proto, "group", 1) != 1 {
		return false
	}
	rank := len(w.C.Shape)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	t.freezeSpace(data, rank-2)
	out.set(rank-1, t.newSet(n, w.C.Shape[1], rank-1))
	t.record(w, []axis{data.at(rank - 1).sized(w.C.Shape[0]), out.at(rank - 1)})
	if b := t.param(n, 2); b != nil {
		t.record(b, []axis{out.at(rank - 1)})
	} else if len(n.In) > 2 && n.In[2] != nil {
		out.at(rank - 1).freeze()
	}
	return t.result(n, out)
}

// gemm follows Gemm with a weight as its second matrix.
func (t *tracer) gemm(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) != 2 || flow.IntAttr(n.Proto, "transA", 0) != 0 {
		return false
	}
	in, units := 0, 1
	if flow.IntAttr(n.Proto, "transB", 0) != 0 {
		in, units = 1, 0
	}
	made := t.newSet(n, w.C.Shape[units], 1)
	seen := make([]axis, 2)
	seen[in], seen[units] = data.at(1).sized(w.C.Shape[in]), made
	t.record(w, seen)
	out := &layout{rank: 2, axes: []axis{data.at(2), made}}
	if b := t.param(n, 2); b != nil {
		t.recordVector(b, out)
	} else if len(n.In) > 2 && n.In[2] != nil {
		out = broadcast(out, t.input(n, 2))
	}
	return t.result(n, out)
}

// matMul follows a product of data with a weight, or of data with data (attention).
func (t *tracer) matMul(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	switch {
	case len(n.In) != 2:
		return false
	case w != nil && len(w.C.Shape) == 2:
		out := data.copy()
		out.set(1, t.newSet(n, w.C.Shape[1], 1))
		t.record(w, []axis{data.at(1).sized(w.C.Shape[0]), out.at(1)})
		return t.result(n, out)
	case w != nil || n.In[0] == nil || n.In[1] == nil || n.In[0].Fixed != nil || n.In[1].Fixed != nil:
		return false
	}
	other := t.input(n, 1)
	unify(data.at(1), other.at(2))
	out := broadcast(data.outer(), other.outer())
	out.set(1, other.at(1))
	out.set(2, data.at(2))
	return t.result(n, out)
}

// outer is a form with its last two axes emptied, so that only batch axes are broadcast.
func (f *layout) outer() *layout {
	g := f.copy()
	g.set(1, axis{size: 1})
	g.set(2, axis{size: 1})
	return g
}

// channelNorm follows normalisations per channel.
func (t *tracer) channelNorm(n *flow.Node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 {
		return false
	}
	a := f.at(c)
	for slot := 1; slot < len(n.In); slot++ {
		p := t.param(n, slot)
		if p == nil {
			a.freeze()
			continue
		}
		a = a.sized(p.C.Elements())
		t.record(p, []axis{a})
	}
	return t.result(n, f)
}

// layerNorm follows a normalisation over the last axes: it does not depend on their order, its
// parameters follow it.
func (t *tracer) layerNorm(n *flow.Node) bool {
	f := t.input(n, 0).copy()
	for slot := 1; slot < len(n.In); slot++ {
		if p := t.param(n, slot); p != nil {
			t.recordVector(p, f)
		} else if n.In[slot] != nil {
			return false
		}
	}
	return t.result(n, f)
}

// groupNorm follows GroupNormalization (opset 21, one scale per channel): channels stay in their group.
func (t *tracer) groupNorm(n *flow.Node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 || n.Unit == nil || opset21 > n.Opset {
		return false
	}
	f = t.grouped(n.Unit, f)
	for slot := 1; slot < len(n.In); slot++ {
		p := t.param(n, slot)
		if p == nil {
			return false
		}
		t.record(p, []axis{f.at(c)})
	}
	return t.result(n, f)
}

// opset21 is the version since which GroupNormalization has a scale per channel.
const opset21 = 21

// grouped is a form whose channels only move within the groups of a normalisation.
func (t *tracer) grouped(u *flow.Unit, f *layout) *layout {
	c, groups := f.fromEnd(1), t.groups(u)
	if c == 0 {
		f.freeze()
		return f
	}
	a := f.at(c)
	size := a.extent()
	if groups == 1 || len(a.segments) == 0 {
		return f
	}
	if groups < 1 || size < groups || size%groups != 0 {
		a.freeze()
		return f
	}
	parts, ok := a.divided(groups, size/groups)
	if !ok {
		a.freeze()
		return f
	}
	out := f.copy()
	whole := axis{size: size}
	for _, p := range parts {
		whole.segments = append(whole.segments, p.segments...)
	}
	out.set(c, whole)
	return out
}
