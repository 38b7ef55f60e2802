package graphmatch

// gates is the number of gates of a recurrent cell: blocks of hidden units along the first axis of W, R
// and B (opset 14: LSTM i o f c, GRU z r h, RNN i).
var gates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// recurrent follows a recurrent layer: in every direction, its hidden units appear in every gate's rows,
// in the columns of R, and in the output.
func (t *tracer) recurrent(n *node) bool {
	w, r := t.param(n, 1), t.param(n, 2)
	if w == nil || r == nil || len(w.c.shape) != 3 || len(r.c.shape) != 3 || w.c.entry != nil || r.c.entry != nil {
		return false
	}
	directions, size := w.c.shape[0], r.c.shape[2]
	count := gates[n.op]
	if w.c.shape[1] != count*size || r.c.shape[0] != directions || r.c.shape[1] != count*size {
		return false
	}
	data := t.input(n, 0)
	in := data.at(1).sized(w.c.shape[2])
	units := make([]axis, directions)
	for d := range units {
		units[d] = t.newSet(n, size, 1)
		if !t.vectors(n, d, units[d]) {
			units[d].freeze()
		}
		rows := units[d].blocks(count)
		t.block(w, d, []axis{rows, in})
		t.block(r, d, []axis{rows, units[d]})
	}
	for _, slot := range []int{5, 6} {
		if slot < len(n.in) && n.in[slot] != nil && !t.uniform(n.in[slot]) {
			t.initial(n, slot, units)
		}
	}
	t.recurrentResults(n, data, units)
	return true
}

// blocks is an axis with one block of the same units for every gate.
func (a axis) blocks(count int) axis {
	b := axis{size: count * a.size}
	for range count {
		b.runs = append(b.runs, a.runs...)
	}
	return b
}

// block records the part of a parameter that belongs to one direction.
func (t *tracer) block(p *param, direction int, axes []axis) {
	shape := p.c.fileShape()[1:]
	size := 1
	for _, d := range shape {
		size *= d
	}
	t.faces = append(t.faces, &face{unit: t.owner[p], param: p, first: direction * size, shape: shape, axes: axes})
}

// vectors records the bias (two blocks a gate) and the peepholes (three blocks) of one direction; false
// when one is there and is no parameter.
func (t *tracer) vectors(n *node, direction int, unit axis) bool {
	for _, part := range [][2]int{{3, 2 * gates[n.op]}, {7, 3}} {
		slot, count := part[0], part[1]
		if slot >= len(n.in) || n.in[slot] == nil {
			continue
		}
		p := t.param(n, slot)
		if p == nil || p.c.entry != nil || len(p.c.shape) != 2 || p.c.shape[1] != count*unit.size {
			return false
		}
		t.block(p, direction, []axis{unit.blocks(count)})
	}
	return true
}

// recurrentResults gives Y [steps, directions, batch, units] and the last states [directions, batch, units]
// their forms.
func (t *tracer) recurrentResults(n *node, data *form, units []axis) {
	for port, out := range n.out {
		f := ranked(3)
		if port == 0 {
			f = ranked(4)
			f.axes[0].size, f.axes[0].sym = data.at(3).size, data.at(3).sym
		}
		f.set(3, axis{size: 1})
		f.set(2, axis{size: data.at(2).size, sym: data.at(2).sym})
		var forms []*form
		for _, u := range units {
			one := f.copy()
			one.set(1, u)
			forms = append(forms, one)
		}
		t.forms[out] = stacked(forms, 3)
	}
}

// stacked is the form of arrays of equal lengths along an axis, counted from the end, each of length one there.
func stacked(forms []*form, at int) *form {
	if len(forms) == 1 {
		return forms[0]
	}
	out := forms[0].copy()
	for i := 1; i <= out.rank; i++ {
		a := out.at(i)
		out.set(i, axis{size: a.extent(), sym: a.sym})
	}
	out.set(at, axis{size: len(forms)})
	out.stack = &stack{at: at, forms: forms}
	return out
}

// copying operators take all elements of their result from their first input.
var copying = map[string]bool{"Expand": true, "Slice": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "Reshape": true, "Tile": true, "Gather": true}

// initial makes an initial state [directions, batch, units] count the cell's units: those of a parameter,
// or of the layer that the state comes from.
func (t *tracer) initial(n *node, slot int, units []axis) {
	p, f := t.param(n, slot), t.input(n, slot)
	for d, u := range units {
		switch {
		case p != nil && p.c.entry == nil && len(p.c.shape) == 3 && p.c.shape[0] == len(units) && p.c.shape[2] == u.size:
			t.block(p, d, []axis{{}, u})
		case p == nil && f.stack == nil && f.rank == 3 && len(units) == 1:
			alike(u, f.at(1))
		case p == nil && f.stack != nil && f.stack.at == 3 && len(f.stack.forms) == len(units):
			alike(u, f.stack.forms[d].at(1))
		default:
			u.freeze()
			f.freeze()
		}
	}
}

// uniform tells whether a state holds one number throughout, so that it does not depend on any order.
func (t *tracer) uniform(v *value) bool {
	for v.from != nil && copying[v.from.op] && len(v.from.in) > 0 && v.from.in[0] != nil {
		v = v.from.in[0]
	}
	if v.from != nil && v.from.op == "ConstantOfShape" {
		return true
	}
	if v.fixed == nil || !v.fixed.weight() {
		return false
	}
	_, same := fill(t.model, v.fixed)
	return same
}
