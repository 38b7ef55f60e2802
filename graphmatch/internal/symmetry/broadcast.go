package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// elementwise combines inputs by broadcasting. The axes of parameters follow those of the data.
func (t *tracer) elementwise(n *flow.Node) bool {
	out := &layout{}
	var params []int
	for slot := range n.In {
		if t.param(n, slot) != nil {
			params = append(params, slot)
			continue
		}
		f := t.input(n, slot)
		if u := n.Unit; u != nil && n == u.Anchor && u.Op == "GroupNormalization" && n.Op == "Mul" {
			f = t.grouped(u, t.layout(u.Data[0]))
		}
		out = broadcast(out, f)
	}
	for _, slot := range params {
		t.recordVector(t.param(n, slot), out)
	}
	return t.result(n, out)
}

// broadcast combines two layouts axis by axis from the end.
func broadcast(f, g *layout) *layout {
	out := &layout{rank: max(f.rank, g.rank)}
	if f.rank < 0 || g.rank < 0 {
		out.rank = -1
	}
	for i := 1; i <= max(len(f.axes), len(g.axes)); i++ {
		a, b := f.at(i), g.at(i)
		// An array of lower rank is broadcast along the axes it lacks.
		if f.rank >= 0 && i > f.rank {
			a.size = 1
		}
		if g.rank >= 0 && i > g.rank {
			b.size = 1
		}
		out.set(i, unify(a, b))
	}
	return out
}

// recordVector records a parameter that is broadcast against data: each of its axes longer than one counts
// what the data's axis counts, or units of its own where the data has one position only.
func (t *tracer) recordVector(p *flow.Param, data *layout) {
	shape := p.C.Shape
	seen := make([]axis, len(shape))
	for i, d := range shape {
		fromEnd := len(shape) - i
		a := data.at(fromEnd)
		if d == 1 && a.size != 1 {
			continue
		}
		switch {
		case a.free():
			seen[i] = a.sized(d)
		case a.size == 1 && d > 1:
			seen[i] = t.newSet(&flow.Node{}, d, fromEnd)
			data.set(fromEnd, seen[i])
		case a.size == 0:
			data.set(fromEnd, axis{size: d})
		}
	}
	if data.rank >= 0 && len(shape) > data.rank {
		data.rank = len(shape)
	}
	t.record(p, seen)
}
