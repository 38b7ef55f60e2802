package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// gates is the number of gates of a recurrent cell: blocks of hidden units along the first axis of W, R and B (opset
// 14: LSTM i o f c, GRU z r h, RNN i).
var gates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// peepholes is the number of blocks of an LSTM's peephole weights P (i o f).
const peepholes = 3

// Input slots of a recurrent layer.
const (
	slotW        = 1
	slotR        = 2
	slotB        = 3
	slotInitialH = 5
	slotInitialC = 6
	slotP        = 7
)

// recurrent follows a recurrent layer: in every direction, its hidden units appear in every gate's rows, in the
// columns of R, and in the output.
func (t *tracer) recurrent(n *flow.Node) bool {
	w, r := t.param(n, slotW), t.param(n, slotR)
	if !fitCell(w, r, gates[n.Op]) {
		return false
	}
	directions, size := w.C.Shape[0], r.C.Shape[2]
	data := t.input(n, 0)
	in := data.at(1).sized(w.C.Shape[2])
	cells := make([]axis, directions)
	for d := range cells {
		cells[d] = t.newSet(n, size, 1)
		if !t.cellVectors(n, d, cells[d]) {
			cells[d].freeze()
		}
		rows := cells[d].blocks(gates[n.Op])
		t.recordDirection(w, d, []axis{rows, in})
		t.recordDirection(r, d, []axis{rows, cells[d]})
	}
	for _, slot := range []int{slotInitialH, slotInitialC} {
		if slot < len(n.In) && n.In[slot] != nil && !t.uniform(n.In[slot]) {
			t.initialState(n, slot, cells)
		}
	}
	t.recurrentResults(n, data, cells)
	return true
}

// fitCell tells whether W [directions, gates*units, inputs] and R [directions, gates*units, units] are parameters that
// fit each other.
func fitCell(w, r *flow.Param, gates int) bool {
	if !hasRank(w, 3) || !hasRank(r, 3) {
		return false
	}
	rows := gates * r.C.Shape[2]
	return w.C.Shape[1] == rows && r.C.Shape[1] == rows && w.C.Shape[0] == r.C.Shape[0]
}

// hasRank tells whether a node reads a stored parameter as it is, with a number of axes.
func hasRank(p *flow.Param, rank int) bool {
	return p != nil && p.C.Entry == nil && len(p.C.Shape) == rank
}

// blocks is an axis with a number of blocks of the same units, one after another.
func (a axis) blocks(count int) axis {
	return axis{size: count * a.extent(), segments: slices.Repeat(a.segments, count)}
}

// recordDirection records the part of a parameter that belongs to one direction.
func (t *tracer) recordDirection(p *flow.Param, direction int, axes []axis) {
	b := &Block{Unit: t.owner[p], Param: p, Shape: p.C.FileShape()[1:], axes: axes}
	b.First = direction * b.Size()
	t.Blocks = append(t.Blocks, b)
}

// cellVectors records the bias (two blocks a gate) and the peepholes of one direction; false when one is there and is
// no parameter.
func (t *tracer) cellVectors(n *flow.Node, direction int, cell axis) bool {
	for _, part := range []struct{ slot, blocks int }{{slotB, 2 * gates[n.Op]}, {slotP, peepholes}} {
		slot, count := part.slot, part.blocks
		if slot >= len(n.In) || n.In[slot] == nil {
			continue
		}
		p := t.param(n, slot)
		if !hasRank(p, 2) || p.C.Shape[1] != count*cell.size {
			return false
		}
		t.recordDirection(p, direction, []axis{cell.blocks(count)})
	}
	return true
}

// recurrentResults gives Y [steps, directions, batch, units] and the last states [directions, batch, units] their
// layouts.
func (t *tracer) recurrentResults(n *flow.Node, data *layout, cells []axis) {
	for port, out := range n.Out {
		f := ranked(3)
		if port == 0 {
			f = ranked(4)
			f.axes[0].size, f.axes[0].sym = data.at(3).size, data.at(3).sym
		}
		f.set(3, axis{size: 1})
		f.set(2, axis{size: data.at(2).size, sym: data.at(2).sym})
		var directions []*layout
		for _, cell := range cells {
			one := f.copy()
			one.set(1, cell)
			directions = append(directions, one)
		}
		t.layouts[out] = stacked(directions, 3)
	}
}

// initialState makes an initial state [directions, batch, units] count the cell's units: those of a parameter, or of
// the layer that the state comes from.
func (t *tracer) initialState(n *flow.Node, slot int, cells []axis) {
	if p := t.param(n, slot); p != nil {
		t.storedState(p, cells)
		return
	}
	f := t.input(n, slot)
	for d, cell := range cells {
		switch {
		case f.stack == nil && f.rank == 3 && len(cells) == 1:
			unify(cell, f.at(1))
		case f.stack != nil && f.stack.at == 3 && len(f.stack.layouts) == len(cells):
			unify(cell, f.stack.layouts[d].at(1))
		default:
			cell.freeze()
			f.freeze()
		}
	}
}

// storedState records an initial state that is a parameter.
func (t *tracer) storedState(p *flow.Param, cells []axis) {
	for d, cell := range cells {
		if !hasRank(p, 3) || p.C.Shape[0] != len(cells) || p.C.Shape[2] != cell.size {
			cell.freeze()
			continue
		}
		t.recordDirection(p, d, []axis{{}, cell})
	}
}

// copying operators take all elements of their result from their first input.
var copying = map[string]bool{
	"Expand": true, "Slice": true, "Squeeze": true, "Unsqueeze": true, "Transpose": true, "Reshape": true, "Tile": true,
	"Gather": true,
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
