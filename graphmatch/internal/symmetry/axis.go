package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// segment is a run of positions along an axis: each unit of a set repeated (a flattened feature map has
// one position per pixel), or positions in a fixed order.
type segment struct {
	set    *Set
	repeat int   // positions per unit; 0 when not known yet
	fixed  int   // positions in a fixed order, when set is nil
	grain  grain // whole set, its heads, or the inside of its heads
	batch  bool  // of heads: the axis counts batches of heads, heads the faster
	// weave, if not nil, are runs woven into each other: position p is position p/len(weave) of
	// weave[p%len(weave)], as shuffled channels are. The other fields are empty then.
	interleaved [][]segment
}

// maxRuns bounds the runs along an axis: a file of few nodes can string any number of them together.
const maxRuns = 1 << 14

// grain says which coordinate of a set of heads an axis counts.
type grain int

const (
	entire grain = iota
	outer        // which head
	inside       // which unit within a head
)

// axis is one axis of an array.
type axis struct {
	size     int       // 0 when not known
	sym      int       // stands for the length when it is not known; equal symbols are equal lengths, 0 is none
	segments []segment // nil when the order is fixed
}

// layout is what is known of an array's axes. They are counted from the end, as broadcasting does: at(1) is
// the last.
type layout struct {
	rank  int // -1 when not known
	axes  []axis
	stack *stack
}

// stack says that axes count other units at each position of another axis: the directions of a recurrent
// layer, or queries, keys and values made by one layer.
type stack struct {
	at      int       // the other axis, counted from the end
	layouts []*layout // what the array is at each position, that axis being of length one
}

// pick is the form left when one position of the stacking axis is taken out.
func (f *layout) pick(position int) *layout {
	out := &layout{rank: f.rank - 1}
	one := f.stack.layouts[position]
	for i := f.rank; i >= 1; i-- {
		if i != f.stack.at {
			out.axes = append(out.axes, one.at(i))
		}
	}
	return out
}

// concatenated is the stack's units one after another, as a Reshape that merges the two axes has them.
func (s *stack) concatenated() axis {
	a := axis{}
	for _, f := range s.layouts {
		a.size += f.at(1).extent()
		a.segments = append(a.segments, f.at(1).segments...)
	}
	return a
}

// freeze fixes the order along all axes of a stack.
func (s *stack) freeze() {
	for _, f := range s.layouts {
		f.freeze()
	}
}

// at is the axis counted from the end, 1 for the last; nothing is known of axes beyond those kept.
func (f *layout) at(fromEnd int) axis {
	if f == nil || fromEnd < 1 || fromEnd > len(f.axes) {
		return axis{}
	}
	return f.axes[len(f.axes)-fromEnd]
}

// set replaces an axis counted from the end.
func (f *layout) set(fromEnd int, a axis) {
	for len(f.axes) < fromEnd {
		f.axes = append([]axis{{}}, f.axes...)
	}
	f.axes[len(f.axes)-fromEnd] = a
}

// fromEnd turns an axis number as operators give it into one counted from the end, 0 if it cannot be.
func (f *layout) fromEnd(axis int) int {
	switch {
	case axis < 0 && axis >= -flow.MaxNumbers && (f.rank < 0 || -axis <= f.rank):
		return -axis
	case axis >= 0 && axis < f.rank:
		return f.rank - axis
	}
	return 0
}

// copy is a form that can be changed by itself.
func (f *layout) copy() *layout {
	g := &layout{rank: f.rank}
	g.axes = append(g.axes, f.axes...)
	return g
}

// unknown is the form of arrays of which nothing is known.
func unknown() *layout { return &layout{rank: -1} }

// ranked is the form of an array of known rank in fixed order.
func ranked(rank int) *layout { return &layout{rank: rank, axes: make([]axis, rank)} }

// freeze fixes the order along an axis: of heads, of what is within them, or of both.
func (a axis) freeze() {
	for _, s := range a.segments {
		s.freeze()
	}
}

// freeze fixes the order of a run.
func (s segment) freeze() {
	for _, runs := range s.interleaved {
		axis{segments: runs}.freeze()
	}
	switch {
	case s.set == nil:
	case s.grain == outer:
		s.set.root().HeadOrder.Root().Frozen = true
	case s.grain == inside:
		s.set.root().Rigid = true
	default:
		s.set.freeze()
	}
}

// freeze fixes all orders along an array.
func (f *layout) freeze() {
	if f == nil {
		return
	}
	for _, a := range f.axes {
		a.freeze()
	}
	if f.stack != nil {
		f.stack.freeze()
	}
}

// length is the number of positions of a run, 0 when not known.
func (s segment) length() int {
	switch {
	case s.interleaved != nil:
		total := 0
		for _, runs := range s.interleaved {
			total += axis{segments: runs}.extent()
		}
		return total
	case s.set == nil:
		return s.fixed
	case s.batch:
		return 0
	case s.grain == outer:
		return s.set.root().Heads
	case s.grain == inside:
		return s.set.root().Size / s.set.root().Heads
	}
	return s.set.root().Size * s.repeat
}

// extent is the number of positions along an axis as far as its runs say, 0 when they do not.
func (a axis) extent() int {
	if a.size > 0 {
		return a.size
	}
	total := 0
	for _, s := range a.segments {
		if s.length() == 0 {
			return 0
		}
		total += s.length()
	}
	return total
}

// sized fills in what the number of positions says about runs that were not known, and freezes the axis
// if it contradicts them.
func (a axis) sized(n int) axis {
	if len(a.segments) == 1 && a.segments[0].set != nil && a.segments[0].grain == entire {
		s := a.segments[0]
		if size := s.set.root().Size; s.repeat == 0 && n%size == 0 {
			s.repeat = n / size
			return axis{size: n, segments: []segment{s}}
		}
	}
	if total := (axis{segments: a.segments}).extent(); len(a.segments) > 0 && total != n && (total > 0 || !a.batched()) {
		a.freeze()
		return axis{size: n}
	}
	a.size = n
	return a
}

// batched tells whether an axis counts batches of heads.
func (a axis) batched() bool { return len(a.segments) == 1 && a.segments[0].batch }

// unify makes two axes that are combined element by element carry one order. An axis of length one is
// broadcast and imposes nothing; fixed or unknown order on one side freezes the other.
func unify(a, b axis) axis {
	out := axis{size: max(a.size, b.size)}
	if a.sym == b.sym && out.size == 0 {
		out.sym = a.sym
	}
	switch {
	case a.size == 1:
		return b
	case b.size == 1:
		return a
	case len(a.segments) == 0 && len(b.segments) == 0:
		return out
	case len(a.segments) == 0 || len(b.segments) == 0 || !unifySegments(a.segments, b.segments):
		a.freeze()
		b.freeze()
		return out
	}
	out.segments = a.segments
	return out
}

// unifySegments joins the sets of two axes run by run; false when they do not fit.
func unifySegments(a, b []segment) bool {
	if len(a) != len(b) {
		return false
	}
	for i, s := range a {
		t := b[i]
		if (s.set == nil) != (t.set == nil) || s.fixed != t.fixed || s.grain != t.grain || s.batch != t.batch || s.repeat != t.repeat {
			return false
		}
		switch {
		case len(s.interleaved) != len(t.interleaved):
			return false
		case s.interleaved != nil:
			for k := range s.interleaved {
				if !unifySegments(s.interleaved[k], t.interleaved[k]) {
					return false
				}
			}
		case s.set == nil:
		case s.grain == outer && s.set.root() != t.set.root():
			if s.set.root().Heads != t.set.root().Heads {
				return false
			}
			s.set.root().HeadOrder.join(t.set.root().HeadOrder)
		default:
			s.set.join(t.set)
		}
	}
	return true
}
