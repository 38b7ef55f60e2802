package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// transpose moves axes.
func (t *tracer) transpose(n *flow.Node) bool {
	f, perm := t.input(n, 0), n.Attributes().Ints("perm", nil)
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

// transposed moves the axes of a layout and of the layouts stacked in it, nil for a perm that does not fit.
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
