package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// layout is what is known of an array's axes. They are counted from the end, as broadcasting does: at(1) is the last.
type layout struct {
	rank  int // -1 when not known
	axes  []axis
	stack *stack
}

// stack says that axes count other units at each position of another axis: the directions of a recurrent layer, or
// queries, keys and values made by one layer.
type stack struct {
	at      int       // the other axis, counted from the end
	layouts []*layout // what the array is at each position, that axis being of length one
}

// unknown is the layout of arrays of which nothing is known.
func unknown() *layout { return &layout{rank: -1} }

// ranked is the layout of an array of known rank in fixed order.
func ranked(rank int) *layout { return &layout{rank: rank, axes: make([]axis, rank)} }

// shaped is the layout of an array of known shape in fixed order.
func shaped(want []number) *layout {
	f := ranked(len(want))
	for i, x := range want {
		if x.known {
			f.axes[i].size = max(0, x.n)
		} else if x.factor == 1 {
			f.axes[i].sym = x.sym
		}
	}
	return f
}

// shapedLike is the layout of a given shape with a known last axis.
func shapedLike(want []number, last axis) *layout {
	out := shaped(want)
	out.set(1, last)
	return out
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

// between lists axes by their numbers counted from the front.
func (f *layout) between(from, to int) (list []axis) {
	for i := from; i < to; i++ {
		list = append(list, f.at(f.rank-i))
	}
	return list
}

// free lists the axes in free order, counted from the end.
func (f *layout) free() (list []int) {
	for i := 1; i <= len(f.axes); i++ {
		if f.at(i).free() {
			list = append(list, i)
		}
	}
	return list
}

// onlyLast tells whether the last axis is the only one in free order.
func onlyLast(free []int) bool { return len(free) == 1 && free[0] == 1 }

// copy is a layout that can be changed by itself. Stacks are left out.
func (f *layout) copy() *layout {
	g := &layout{rank: f.rank}
	g.axes = append(g.axes, f.axes...)
	return g
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

// freeze fixes the order along all axes of a stack.
func (s *stack) freeze() {
	for _, f := range s.layouts {
		f.freeze()
	}
}

// stacked is the layout of arrays of equal lengths along an axis, counted from the end, each of length one there.
func stacked(layouts []*layout, at int) *layout {
	if len(layouts) == 1 {
		return layouts[0]
	}
	out := layouts[0].copy()
	for i := 1; i <= out.rank; i++ {
		a := out.at(i)
		out.set(i, axis{size: a.extent(), sym: a.sym})
	}
	out.set(at, axis{size: len(layouts)})
	out.stack = &stack{at: at, layouts: layouts}
	return out
}

// pick is the layout left when one position of the stacking axis is taken out.
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
