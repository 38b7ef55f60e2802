package graphmatch

// gates is the number of gates of a recurrent cell: blocks of hidden units along the first axis of W, R
// and B (opset 14: LSTM i o f c, GRU z r h, RNN i).
var gates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// recurrent follows a recurrent layer of one direction: its hidden units appear in every gate's rows, in
// the columns of R, and in the output. With two directions the outputs interleave; their order is fixed.
func (t *tracer) recurrent(n *node) bool {
	w, r := t.param(n, 1), t.param(n, 2)
	if w == nil || r == nil || len(w.c.shape) != 3 || len(r.c.shape) != 3 || w.c.shape[0] != 1 {
		return false
	}
	size := r.c.shape[2]
	unit := t.newSet(n, size, 1)
	if !t.statesAreFree(n) || w.c.shape[1] != gates[n.op]*size || r.c.shape[1] != gates[n.op]*size {
		unit.freeze()
	}
	blocks := func(count int) axis {
		a := axis{size: count * size}
		for range count {
			a.runs = append(a.runs, unit.runs[0])
		}
		return a
	}
	rows := blocks(gates[n.op])
	data := t.input(n, 0)
	t.face(w, []axis{{}, rows, data.at(1).sized(w.c.shape[2])})
	t.face(r, []axis{{}, rows, unit})
	for _, part := range [][2]int{{3, 2 * gates[n.op]}, {7, 3}} {
		slot, count := part[0], part[1]
		if p := t.param(n, slot); p != nil && len(p.c.shape) == 2 && p.c.shape[1] == count*size {
			t.face(p, []axis{{}, blocks(count)})
		} else if slot < len(n.in) && n.in[slot] != nil {
			unit.freeze()
		}
	}
	for port, out := range n.out {
		rank := 3
		if port == 0 {
			rank = 4
		}
		f := ranked(rank)
		f.set(1, unit)
		f.axes[rank-3].size = 1
		t.forms[out] = f
	}
	if len(n.out) > 0 {
		t.forms[n.out[0]].axes[1].size = 1
		t.forms[n.out[0]].axes[0] = data.at(3)
		t.forms[n.out[0]].axes[0].runs = nil
	}
	return true
}

// statesAreFree tells whether the initial states do not depend on the order of hidden units: absent, or
// one number throughout.
func (t *tracer) statesAreFree(n *node) bool {
	for _, slot := range []int{5, 6} {
		if slot >= len(n.in) || n.in[slot] == nil {
			continue
		}
		v := n.in[slot]
		for v.fixed == nil && v.from != nil && v.from.op == "Expand" && v.from.in[0] != nil {
			v = v.from.in[0]
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
