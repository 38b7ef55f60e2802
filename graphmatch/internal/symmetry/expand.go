package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// expand broadcasts axes of length one (Expand, opset 13); a parameter (a class token) keeps its own order for what
// follows.
func (t *tracer) expand(n *flow.Node) bool {
	p := t.param(n, 0)
	if p == nil {
		return t.result(n, t.expanded(n))
	}
	shape := p.C.Shape
	if len(shape) == 0 {
		return false
	}
	last := t.newSet(n, shape[len(shape)-1], 1)
	seen := make([]axis, len(shape))
	seen[len(seen)-1] = last
	t.record(p, seen)
	return t.result(n, &layout{rank: len(shape), axes: append(make([]axis, len(shape)-1), last)})
}

// expanded is the input's layout with axes of length one as long as asked for.
func (t *tracer) expanded(n *flow.Node) *layout {
	out := t.input(n, 0).copy()
	if len(n.In) < 2 || out.rank < 0 {
		return out
	}
	want := t.numbers(n.In[1])
	if want == nil {
		return out.expandedUnknown()
	}
	asked := shaped(want)
	for i := 1; i <= max(out.rank, asked.rank); i++ {
		if i <= out.rank && out.at(i).size != 1 {
			continue
		}
		if i > asked.rank {
			out.set(i, axis{size: 1})
		} else {
			out.set(i, asked.at(i))
		}
	}
	out.rank = max(out.rank, asked.rank)
	return out
}

// expandedUnknown is a layout expanded to a shape of which nothing is known.
func (f *layout) expandedUnknown() *layout {
	for i := 1; i <= f.rank; i++ {
		if f.at(i).size == 1 {
			f.set(i, axis{})
		}
	}
	f.rank = -1
	return f
}

// pad keeps axes that are not padded (Pad, opset 21).
func (t *tracer) pad(n *flow.Node) bool {
	f, pads := t.input(n, 0).copy(), t.pads(n)
	if f.rank < 0 || len(pads) != 2*f.rank || len(n.In) > 3 && n.In[3] != nil {
		return false
	}
	for k := range f.rank {
		first, last := pads[k], pads[k+f.rank]
		if first.same(exactly(0)) && last.same(exactly(0)) {
			continue
		}
		a, padded := f.at(f.rank-k), axis{}
		a.freeze()
		if size := a.extent(); size > 0 && first.known && last.known {
			padded.size = max(0, size+first.n+last.n)
		}
		f.set(f.rank-k, padded)
	}
	return t.result(n, f)
}

// pads are the numbers of positions that a Pad adds before each axis, then behind each, nil when they are not known.
func (t *tracer) pads(n *flow.Node) (list []number) {
	if len(n.In) > 1 {
		return t.numbers(n.In[1])
	}
	for _, p := range n.Attributes().Ints("pads", nil) {
		list = append(list, exactly(clamped(p)))
	}
	return list
}
