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
		if !t.statesAreFree(n) || !t.vectors(n, d, units[d]) {
			units[d].freeze()
		}
		rows := units[d].blocks(count)
		t.block(w, d, []axis{rows, in})
		t.block(r, d, []axis{rows, units[d]})
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
			f.axes[0].size = data.at(3).size
		}
		f.set(3, axis{size: len(units)})
		f.set(1, axis{size: units[0].size})
		if len(units) == 1 {
			f.set(1, units[0])
		} else {
			f.stack = &stack{at: 3, last: units}
		}
		t.forms[out] = f
	}
}

// copying operators take all elements of their result from their first input.
var copying = map[string]bool{"Expand": true, "Slice": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "Reshape": true, "Tile": true, "Gather": true}

// statesAreFree tells whether the initial states do not depend on the order of hidden units: absent, or
// one number throughout.
func (t *tracer) statesAreFree(n *node) bool {
	for _, slot := range []int{5, 6} {
		if slot >= len(n.in) || n.in[slot] == nil {
			continue
		}
		v := n.in[slot]
		for v.from != nil && copying[v.from.op] && len(v.from.in) > 0 && v.from.in[0] != nil {
			v = v.from.in[0]
		}
		if v.from != nil && v.from.op == "ConstantOfShape" {
			continue
		}
		if v.fixed == nil || !v.fixed.weight() {
			return false
		}
		if _, same := (&unit{model: t.model}).fill(v.fixed); !same {
			return false
		}
	}
	return true
}
