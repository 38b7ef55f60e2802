package graphmatch

// conv follows Conv: the weight's first axis makes the output channels, its second reads the input's.
// Depthwise convolutions keep the input's channels; grouped ones keep channels within their groups.
func (t *tracer) conv(n *node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.c.shape) < 3 {
		return false
	}
	rank, group := len(w.c.shape), int(intAttr(n.proto, "group", 1))
	in := data.at(rank - 1)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	t.freezeSpace(data, rank-2)
	t.slide(n, data, out, w.c.shape[2:])
	outputs := w.c.shape[0]
	switch {
	case group == 1:
		out.set(rank-1, t.newSet(n, outputs, rank-1))
		t.face(w, []axis{out.at(rank - 1), in.sized(w.c.shape[1])})
	case w.c.shape[1] == 1 && outputs == group:
		out.set(rank-1, in.sized(outputs))
		t.face(w, []axis{out.at(rank - 1)})
	default:
		a, ok := t.groupedConv(n, w, in, group)
		if !ok {
			in.freeze()
			t.face(w, nil)
		}
		out.set(rank-1, a)
	}
	if b := t.param(n, 2); b != nil {
		t.face(b, []axis{out.at(rank - 1)})
	} else if len(n.in) > 2 && n.in[2] != nil {
		out.at(rank - 1).freeze()
	}
	return t.result(n, out)
}

// freezeSpace fixes the order along the spatial axes, which a kernel slides over.
func (t *tracer) freezeSpace(data *form, axes int) {
	for i := 1; i <= axes; i++ {
		data.at(i).freeze()
	}
}

// groupedConv splits input and output channels into the groups of a convolution, each with a block of
// the weight of its own.
func (t *tracer) groupedConv(n *node, w *param, in axis, group int) (axis, bool) {
	shape := w.c.fileShape()
	if w.c.entry != nil || group < 2 || shape[0]%group != 0 {
		return axis{size: shape[0]}, false
	}
	rows, cols := shape[0]/group, shape[1]
	inputs, ok := in.divided(group, cols)
	out := t.newSet(n, shape[0], len(shape)-1)
	if !ok || !out.runs[0].set.split(repeated(rows, group)) {
		return axis{size: shape[0]}, false
	}
	block := append([]int{rows}, shape[1:]...)
	size := 1
	for _, d := range block {
		size *= d
	}
	for g, set := range out.runs[0].set.parts {
		f := &face{unit: t.owner[w], param: w, first: g * size, shape: block, axes: make([]axis, len(block))}
		f.axes[0], f.axes[1] = axis{size: rows, runs: []segment{{set: set, repeat: 1}}}, inputs[g]
		t.faces = append(t.faces, f)
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
	if len(a.runs) == 0 {
		return out, true
	}
	if !a.whole() {
		return a.pieces(group, size)
	}
	set := a.runs[0].set
	if !set.split(repeated(size, group)) {
		return nil, false
	}
	for g, part := range set.root().parts {
		out[g] = axis{size: size, runs: []segment{{set: part, repeat: 1}}}
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
func (t *tracer) convTranspose(n *node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.c.shape) < 3 || intAttr(n.proto, "group", 1) != 1 {
		return false
	}
	rank := len(w.c.shape)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	t.freezeSpace(data, rank-2)
	out.set(rank-1, t.newSet(n, w.c.shape[1], rank-1))
	t.face(w, []axis{data.at(rank - 1).sized(w.c.shape[0]), out.at(rank - 1)})
	if b := t.param(n, 2); b != nil {
		t.face(b, []axis{out.at(rank - 1)})
	} else if len(n.in) > 2 && n.in[2] != nil {
		out.at(rank - 1).freeze()
	}
	return t.result(n, out)
}

// gemm follows Gemm with a weight as its second matrix.
func (t *tracer) gemm(n *node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.c.shape) != 2 || intAttr(n.proto, "transA", 0) != 0 {
		return false
	}
	in, units := 0, 1
	if intAttr(n.proto, "transB", 0) != 0 {
		in, units = 1, 0
	}
	made := t.newSet(n, w.c.shape[units], 1)
	seen := make([]axis, 2)
	seen[in], seen[units] = data.at(1).sized(w.c.shape[in]), made
	t.face(w, seen)
	out := &form{rank: 2, axes: []axis{data.at(2), made}}
	if b := t.param(n, 2); b != nil {
		t.vectorFace(b, out)
	} else if len(n.in) > 2 && n.in[2] != nil {
		out = broadcast(out, t.input(n, 2))
	}
	return t.result(n, out)
}

// matMul follows a product of data with a weight, or of data with data (attention).
func (t *tracer) matMul(n *node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	switch {
	case len(n.in) != 2:
		return false
	case w != nil && len(w.c.shape) == 2:
		out := data.copy()
		out.set(1, t.newSet(n, w.c.shape[1], 1))
		t.face(w, []axis{data.at(1).sized(w.c.shape[0]), out.at(1)})
		return t.result(n, out)
	case w != nil || n.in[0] == nil || n.in[1] == nil || n.in[0].fixed != nil || n.in[1].fixed != nil:
		return false
	}
	other := t.input(n, 1)
	alike(data.at(1), other.at(2))
	out := broadcast(data.outer(), other.outer())
	out.set(1, other.at(1))
	out.set(2, data.at(2))
	return t.result(n, out)
}

// outer is a form with its last two axes emptied, so that only batch axes are broadcast.
func (f *form) outer() *form {
	g := f.copy()
	g.set(1, axis{size: 1})
	g.set(2, axis{size: 1})
	return g
}

// channelNorm follows normalisations per channel.
func (t *tracer) channelNorm(n *node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 {
		return false
	}
	a := f.at(c)
	for slot := 1; slot < len(n.in); slot++ {
		p := t.param(n, slot)
		if p == nil {
			a.freeze()
			continue
		}
		a = a.sized(p.c.elements())
		t.face(p, []axis{a})
	}
	return t.result(n, f)
}

// layerNorm follows a normalisation over the last axes: it does not depend on their order, its
// parameters follow it.
func (t *tracer) layerNorm(n *node) bool {
	f := t.input(n, 0).copy()
	for slot := 1; slot < len(n.in); slot++ {
		if p := t.param(n, slot); p != nil {
			t.vectorFace(p, f)
		} else if n.in[slot] != nil {
			return false
		}
	}
	return t.result(n, f)
}

// groupNorm follows GroupNormalization (opset 21, one scale per channel): channels stay in their group.
func (t *tracer) groupNorm(n *node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 || n.unit == nil || opset21 > n.opset {
		return false
	}
	f = t.grouped(n.unit, f)
	for slot := 1; slot < len(n.in); slot++ {
		p := t.param(n, slot)
		if p == nil {
			return false
		}
		t.face(p, []axis{f.at(c)})
	}
	return t.result(n, f)
}

// opset21 is the version since which GroupNormalization has a scale per channel.
const opset21 = 21

// grouped is a form whose channels only move within the groups of a normalisation.
func (t *tracer) grouped(u *unit, f *form) *form {
	c, groups := f.fromEnd(1), t.groups(u)
	if c == 0 {
		f.freeze()
		return f
	}
	a := f.at(c)
	size := a.extent()
	if groups == 1 || len(a.runs) == 0 {
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
		whole.runs = append(whole.runs, p.runs...)
	}
	out.set(c, whole)
	return out
}
