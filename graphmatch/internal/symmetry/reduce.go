package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// reduce drops axes: sums and extremes do not depend on the order of what they run over. Without axes it drops all, or
// none where noop_with_empty_axes says so (since opset 18).
func (t *tracer) reduce(n *flow.Node) bool {
	f := t.input(n, 0)
	axes, given := t.Graph.Numbers(n, "axes")
	given = given && len(axes) > 0
	keep := n.Attributes().Int("keepdims", 1) != 0
	switch {
	case !given && len(n.In) > 1, f.rank < 0 && !(given && keep):
		return false
	case !given && n.Attributes().Int("noop_with_empty_axes", 0) != 0:
		return t.result(n, f)
	case !given:
		return t.result(n, f.reduced(f.rank, keep, func(int) bool { return true }))
	}
	drop, last := map[int]bool{}, len(f.axes)
	for _, a := range axes {
		i := f.fromEnd(int(a))
		if i == 0 {
			return false
		}
		drop[i], last = true, max(last, i)
	}
	return t.result(n, f.reduced(last, keep, func(i int) bool { return drop[i] }))
}

// reduced is a layout without some of the first axes counted from the end; those are left with length one if keep
// says so.
func (f *layout) reduced(first int, keep bool, drop func(fromEnd int) bool) *layout {
	out := &layout{rank: f.rank}
	next, gone := 0, 0
	for i := 1; i <= first; i++ {
		switch {
		case !drop(i):
			next++
			out.set(next, f.at(i))
		case keep:
			next++
			out.set(next, axis{size: 1})
		default:
			gone++
		}
	}
	if !keep {
		out.rank -= gone
	}
	return out
}
