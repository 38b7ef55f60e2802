package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// expand broadcasts axes of length one; a parameter (a class token) keeps its own order for what follows.
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

// expanded is the input's form with axes of length one as long as asked for.
func (t *tracer) expanded(n *flow.Node) *layout {
	out := t.input(n, 0).copy()
	if len(n.In) < 2 || out.rank < 0 {
		return out
	}
	want := t.numbers(n.In[1])
	for i := 1; i <= max(out.rank, len(want)); i++ {
		a := out.at(i)
		if i > out.rank {
			a = axis{size: 1}
		}
		if a.size != 1 {
			continue
		}
		a = axis{}
		if i <= len(want) {
			x := want[len(want)-i]
			if x.known && x.n > 0 {
				a.size = x.n
			} else if x.factor == 1 {
				a.sym = x.sym
			}
		} else if want != nil {
			a.size = 1
		}
		out.set(i, a)
	}
	out.rank = max(out.rank, len(want))
	if want == nil {
		out.rank = -1
	}
	return out
}

// pad keeps axes that are not padded.
func (t *tracer) pad(n *flow.Node) bool {
	f := t.input(n, 0).copy()
	pads := []number{}
	for _, p := range flow.IntsAttr(n.Proto, "pads") {
		pads = append(pads, exactly(int(min(max(p, -maxNumber), maxNumber))))
	}
	if len(n.In) > 1 {
		pads = t.numbers(n.In[1])
	}
	if f.rank < 0 || len(pads) != 2*f.rank || len(n.In) > 3 && n.In[3] != nil {
		return false
	}
	for k := range f.rank {
		first, last := pads[k], pads[k+f.rank]
		if first.same(exactly(0)) && last.same(exactly(0)) {
			continue
		}
		f.axes[k].freeze()
		padded := axis{}
		if size := f.axes[k].extent(); size > 0 && first.known && last.known {
			padded.size = max(0, size+first.n+last.n)
		}
		f.axes[k] = padded
	}
	return t.result(n, f)
}
