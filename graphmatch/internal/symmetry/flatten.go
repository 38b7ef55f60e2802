package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// flatten follows Flatten at axis 1: channels become consecutive positions, one per pixel.
func (t *tracer) flatten(n *flow.Node) bool {
	f := t.input(n, 0)
	if f.rank < 1 || n.Attributes().Int("axis", 1) != 1 {
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
		if s.counts != units || s.interleaved != nil || times == 0 && len(a.segments) > 1 {
			a.freeze()
			return axis{size: a.size * times}
		}
		s.repeat *= times
		s.fixed *= times
		out.segments = append(out.segments, s)
	}
	return out
}
