package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// gather follows a table lookup, whose columns are hidden units, and the choice of fixed positions along
// an axis in fixed order.
func (t *tracer) gather(n *flow.Node) bool {
	p, index := t.param(n, 0), t.input(n, 1)
	at := int(flow.IntAttr(n.Proto, "axis", 0))
	if p != nil {
		if at != 0 || len(p.C.Shape) != 2 {
			return false
		}
		columns := t.newSet(n, p.C.Shape[1], 1)
		t.record(p, []axis{{}, columns})
		f := &layout{rank: -1, axes: []axis{columns}}
		if index.rank >= 0 {
			f.rank = index.rank + 1
			for k := 1; k <= index.rank; k++ {
				f.set(k+1, index.at(k))
			}
		}
		return t.result(n, f)
	}
	f := t.input(n, 0)
	i := f.fromEnd(at)
	if f.stack != nil {
		which := t.numbers(n.In[1])
		count := len(f.stack.layouts)
		if i != f.stack.at || index.rank != 0 || len(which) != 1 || !which[0].known || which[0].n < -count || which[0].n >= count {
			return false
		}
		return t.result(n, f.pick((which[0].n+count)%count))
	}
	if i == 0 || index.rank < 0 || f.rank < 0 || len(f.at(i).segments) > 0 {
		return false
	}
	out := ranked(f.rank - 1 + index.rank)
	for k := 1; k <= f.rank; k++ {
		switch {
		case k < i:
			out.set(k, f.at(k))
		case k > i:
			out.set(k-1+index.rank, f.at(k))
		}
	}
	return t.result(n, out)
}

// flatten follows Flatten at axis 1: channels become runs of positions, one per pixel.
func (t *tracer) flatten(n *flow.Node) bool {
	f := t.input(n, 0)
	if f.rank < 1 || flow.IntAttr(n.Proto, "axis", 1) != 1 {
		return false
	}
	return t.result(n, f.flattened())
}

// flattened merges all axes but the first. Only the outermost of them may be in free order.
func (f *layout) flattened() *layout {
	out := ranked(2)
	out.set(2, f.at(f.rank))
	inner, known := 1, true
	for i := 1; i < f.rank-1; i++ {
		f.at(i).freeze()
		inner *= f.at(i).size
		known = known && f.at(i).size > 0
	}
	if f.rank < 2 {
		return out
	}
	a := f.at(f.rank - 1)
	if !known {
		inner = 0
	}
	out.set(1, a.repeatEach(inner))
	return out
}

// repeatEach repeats every position of an axis, 0 meaning a number not known yet.
func (a axis) repeatEach(times int) axis {
	if times == 1 {
		return a
	}
	out := axis{size: a.size * times}
	for _, s := range a.segments {
		if s.grain != entire || s.interleaved != nil || times == 0 && len(a.segments) > 1 {
			a.freeze()
			return axis{size: a.size * times}
		}
		s.repeat *= times
		s.fixed *= times
		out.segments = append(out.segments, s)
	}
	return out
}

// transpose moves axes.
func (t *tracer) transpose(n *flow.Node) bool {
	f, perm := t.input(n, 0), flow.IntsAttr(n.Proto, "perm")
	if perm == nil && f.rank < 0 {
		return false
	}
	if perm == nil {
		for i := f.rank - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	out := f.transposed(perm)
	if out == nil {
		return false
	}
	return t.result(n, out)
}

// transposed moves the axes of a form and of the forms stacked in it, nil for a perm that does not fit.
func (f *layout) transposed(perm []int64) *layout {
	out := ranked(len(perm))
	for i, p := range perm {
		if p < 0 || int(p) >= len(perm) {
			return nil
		}
		out.axes[i] = f.at(len(perm) - int(p))
		if f.stack != nil && len(perm)-int(p) == f.stack.at {
			out.stack = &stack{at: len(perm) - i}
			for _, one := range f.stack.layouts {
				out.stack.layouts = append(out.stack.layouts, one.transposed(perm))
			}
		}
	}
	if f.stack != nil && out.stack == nil {
		return nil
	}
	return out
}

// squeeze drops axes of length one.
func (t *tracer) squeeze(n *flow.Node) bool {
	f := t.input(n, 0)
	axes, ok := t.Graph.Numbers(n, "axes")
	if !ok || f.rank < 0 {
		return false
	}
	drop := map[int]bool{}
	for _, a := range axes {
		drop[f.fromEnd(int(a))] = true
	}
	if f.stack != nil {
		return false
	}
	out := &layout{rank: f.rank - len(axes)}
	next := 0
	for i := 1; i <= f.rank; i++ {
		if !drop[i] {
			next++
			out.set(next, f.at(i))
		}
	}
	return !drop[0] && t.result(n, out)
}

// unsqueeze adds axes of length one.
func (t *tracer) unsqueeze(n *flow.Node) bool {
	f := t.input(n, 0)
	axes, ok := t.Graph.Numbers(n, "axes")
	if !ok || f.rank < 0 {
		return false
	}
	out := ranked(f.rank + len(axes))
	added := map[int]bool{}
	for _, a := range axes {
		i := out.fromEnd(int(a))
		if i < 1 || i > out.rank {
			return false
		}
		added[i] = true
	}
	from := 0
	for i := 1; i <= out.rank; i++ {
		if added[i] {
			out.set(i, axis{size: 1})
			continue
		}
		from++
		out.set(i, f.at(from))
	}
	return t.result(n, out)
}
