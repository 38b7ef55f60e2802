package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// slice cuts a piece out of axes, with constant bounds and step one along those in free order (Slice, opset 13).
func (t *tracer) slice(n *flow.Node) bool {
	f := t.input(n, 0).copy()
	starts, ends, ok := t.bounds(n)
	axes := t.sliceAxes(n)
	if axes == nil {
		return false
	}
	for k, at := range axes {
		i := f.fromEnd(at)
		if i == 0 {
			return false
		}
		if !ok || k >= len(starts) || k >= len(ends) {
			f.at(i).freeze()
			f.set(i, axis{})
			continue
		}
		f.set(i, f.at(i).sliced(starts[k], ends[k]))
	}
	return t.result(n, f)
}

// sliceAxes are the axes that a Slice names, nil when they are not known.
func (t *tracer) sliceAxes(n *flow.Node) (axes []int) {
	if len(n.In) > 3 {
		axes, _ = allKnown(t.numbers(n.In[3]))
		return axes
	}
	for _, x := range n.Attributes().Ints("axes", nil) {
		axes = append(axes, int(x))
	}
	return axes
}

// sliced is the piece of an axis between two bounds as Slice counts them. Where it cannot be cut there, its
// order is fixed.
func (a axis) sliced(start, end int) axis {
	size := a.extent()
	if size == 0 {
		a.freeze()
		return axis{}
	}
	from := bound(int64(start), size)
	to := max(from, bound(int64(end), size))
	if part, fits := a.cutOut(from, to-from); fits {
		return part
	}
	a.freeze()
	return axis{size: to - from}
}

// bound is a Slice bound as a position between 0 and n.
func bound(x int64, n int) int {
	if x < 0 {
		x += int64(n)
	}
	return int(min(max(x, 0), int64(n)))
}

// bounds are the starts and ends of a Slice with step one, false when they are not known.
func (t *tracer) bounds(n *flow.Node) (starts, ends []int, ok bool) {
	if starts, ok = t.boundList(n, 1, "starts"); !ok {
		return nil, nil, false
	}
	if ends, ok = t.boundList(n, 2, "ends"); !ok {
		return nil, nil, false
	}
	return starts, ends, t.stepsOne(n)
}

// stepsOne tells whether all steps of a Slice are one.
func (t *tracer) stepsOne(n *flow.Node) bool {
	if len(n.In) < 5 || n.In[4] == nil {
		return true
	}
	steps, ok := t.boundList(n, 4, "steps")
	return ok && !slices.ContainsFunc(steps, func(s int) bool { return s != 1 })
}

// boundList is what a Slice has as an attribute (up to opset 9), as a constant or as computed numbers, within those
// that are followed; false when that is not known.
func (t *tracer) boundList(n *flow.Node, slot int, attr string) ([]int, bool) {
	if given := n.Attributes().Ints(attr, nil); given != nil {
		return clampedAll(given), true
	}
	if slot >= len(n.In) || n.In[slot] == nil {
		return nil, false
	}
	if n.In[slot].Fixed != nil {
		given, ok := t.Graph.Stored(n.In[slot])
		return clampedAll(given), ok
	}
	return allKnown(t.numbers(n.In[slot]))
}

func clampedAll(list []int64) (out []int) {
	for _, x := range list {
		out = append(out, clamped(x))
	}
	return out
}
