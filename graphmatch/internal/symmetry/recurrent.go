package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// gates is the number of gates of a recurrent cell: blocks of hidden units along the first axis of W, R
// and B (opset 14: LSTM i o f c, GRU z r h, RNN i).
var gates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// recurrent follows a recurrent layer: in every direction, its hidden units appear in every gate's rows,
// in the columns of R, and in the output.
func (t *tracer) recurrent(n *flow.Node) bool {
	w, r := t.param(n, 1), t.param(n, 2)
	if w == nil || r == nil || len(w.C.Shape) != 3 || len(r.C.Shape) != 3 || w.C.Entry != nil || r.C.Entry != nil {
		return false
	}
	directions, size := w.C.Shape[0], r.C.Shape[2]
	count := gates[n.Op]
	if w.C.Shape[1] != count*size || r.C.Shape[0] != directions || r.C.Shape[1] != count*size {
		return false
	}
	data := t.input(n, 0)
	in := data.at(1).sized(w.C.Shape[2])
	units := make([]axis, directions)
	for d := range units {
		units[d] = t.newSet(n, size, 1)
		if !t.vectors(n, d, units[d]) {
			units[d].freeze()
		}
		rows := units[d].blocks(count)
		t.recordBlock(w, d, []axis{rows, in})
		t.recordBlock(r, d, []axis{rows, units[d]})
	}
	for _, slot := range []int{5, 6} {
		if slot < len(n.In) && n.In[slot] != nil && !t.uniform(n.In[slot]) {
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
		b.segments = append(b.segments, a.segments...)
	}
	return b
}

// recordBlock records the part of a parameter that belongs to one direction.
func (t *tracer) recordBlock(p *flow.Param, direction int, axes []axis) {
	shape := p.C.FileShape()[1:]
	size := 1
	for _, d := range shape {
		size *= d
	}
	t.Blocks = append(t.Blocks, &Block{Unit: t.owner[p], Param: p, First: direction * size, Shape: shape, Axes: axes})
}

// vectors records the bias (two blocks a gate) and the peepholes (three blocks) of one direction; false
// when one is there and is no parameter.
func (t *tracer) vectors(n *flow.Node, direction int, unit axis) bool {
	for _, part := range [][2]int{{3, 2 * gates[n.Op]}, {7, 3}} {
		slot, count := part[0], part[1]
		if slot >= len(n.In) || n.In[slot] == nil {
			continue
		}
		p := t.param(n, slot)
		if p == nil || p.C.Entry != nil || len(p.C.Shape) != 2 || p.C.Shape[1] != count*unit.size {
			return false
		}
		t.recordBlock(p, direction, []axis{unit.blocks(count)})
	}
	return true
}

// recurrentResults gives Y [steps, directions, batch, units] and the last states [directions, batch, units]
// their forms.
func (t *tracer) recurrentResults(n *flow.Node, data *layout, units []axis) {
	for port, out := range n.Out {
		f := ranked(3)
		if port == 0 {
			f = ranked(4)
			f.axes[0].size, f.axes[0].sym = data.at(3).size, data.at(3).sym
		}
		f.set(3, axis{size: 1})
		f.set(2, axis{size: data.at(2).size, sym: data.at(2).sym})
		var forms []*layout
		for _, u := range units {
			one := f.copy()
			one.set(1, u)
			forms = append(forms, one)
		}
		t.layouts[out] = stacked(forms, 3)
	}
}

// stacked is the form of arrays of equal lengths along an axis, counted from the end, each of length one there.
func stacked(forms []*layout, at int) *layout {
	if len(forms) == 1 {
		return forms[0]
	}
	out := forms[0].copy()
	for i := 1; i <= out.rank; i++ {
		a := out.at(i)
		out.set(i, axis{size: a.extent(), sym: a.sym})
	}
	out.set(at, axis{size: len(forms)})
	out.stack = &stack{at: at, layouts: forms}
	return out
}

// copying operators take all elements of their result from their first input.
var copying = map[string]bool{"Expand": true, "Slice": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "Reshape": true, "Tile": true, "Gather": true}

// initial makes an initial state [directions, batch, units] count the cell's units: those of a parameter,
// or of the layer that the state comes from.
func (t *tracer) initial(n *flow.Node, slot int, units []axis) {
	p, f := t.param(n, slot), t.input(n, slot)
	for d, u := range units {
		switch {
		case p != nil && p.C.Entry == nil && len(p.C.Shape) == 3 && p.C.Shape[0] == len(units) && p.C.Shape[2] == u.size:
			t.recordBlock(p, d, []axis{{}, u})
		case p == nil && f.stack == nil && f.rank == 3 && len(units) == 1:
			unify(u, f.at(1))
		case p == nil && f.stack != nil && f.stack.at == 3 && len(f.stack.layouts) == len(units):
			unify(u, f.stack.layouts[d].at(1))
		default:
			u.freeze()
			f.freeze()
		}
	}
}

// uniform tells whether a state holds one number throughout, so that it does not depend on any order.
func (t *tracer) uniform(v *flow.Value) bool {
	for v.From != nil && copying[v.From.Op] && len(v.From.In) > 0 && v.From.In[0] != nil {
		v = v.From.In[0]
	}
	if v.From != nil && v.From.Op == "ConstantOfShape" {
		return true
	}
	if v.Fixed == nil || !v.Fixed.Weight() {
		return false
	}
	_, same := flow.Fill(t.Model, v.Fixed)
	return same
}
