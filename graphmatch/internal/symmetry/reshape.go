package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// reshape follows a Reshape. The axes that it leaves as they are, in front and at the end, are matched by
// their lengths; what lies between holds the same elements in the same order, and is followed where it is
// one of the things that networks do: flattening feature maps, cutting hidden units into heads and joining
// them again, stacking queries, keys and values, adding and dropping axes of length one.
func (t *tracer) reshape(n *flow.Node) bool {
	if len(n.In) < 2 {
		return false
	}
	f, want := t.input(n, 0), t.numbers(n.In[1])
	if want == nil {
		return false
	}
	if f.stack == nil && len(f.free()) == 0 {
		return t.result(n, shaped(f.resolved(want, n)))
	}
	if f.rank < 0 {
		return t.reshapeUnranked(n, f, want)
	}
	want = f.resolved(want, n)
	if t.channelShuffle(n, f, want) {
		return true
	}
	if out, ok := f.cutWithBatch(want); ok {
		return t.result(n, out)
	}
	if out, ok := f.joinWithBatch(want); ok {
		return t.result(n, out)
	}
	r, ok := f.locate(want)
	if !ok || !r.follow() {
		return false
	}
	return t.result(n, r.result())
}

// reshapeUnranked follows an array of which only the last axis is known to one with an equal last axis, or
// with heads.
func (t *tracer) reshapeUnranked(n *flow.Node, f *layout, want []number) bool {
	if !onlyLast(f.free()) || len(want) == 0 {
		return false
	}
	if last := want[len(want)-1]; last.known && last.n == f.at(1).extent() {
		return t.result(n, shapedLike(want, f.at(1)))
	}
	out, ok := f.cutWithBatch(want)
	return ok && t.result(n, out)
}

// resolved fills in what a Reshape's 0 and -1 stand for: the length of the input's axis, and what remains.
func (f *layout) resolved(want []number, n *flow.Node) []number {
	out := slices.Clone(want)
	copies := flow.IntAttr(n.Proto, "allowzero", 0) == 0
	hole := -1
	for i, x := range out {
		switch {
		case x.known && x.n == 0 && copies && i < f.rank:
			out[i] = f.at(f.rank - i).length()
		case x.known && x.n == -1 && hole < 0:
			hole = i
		case x.known && x.n < 0:
			out[i] = unknownNumber()
		}
	}
	if hole < 0 || f.rank < 0 {
		if hole >= 0 {
			out[hole] = unknownNumber()
		}
		return out
	}
	out[hole] = f.remainder(out, hole)
	return out
}

// remainder is the length of the axis that a Reshape leaves open: axes of one length in front of it and
// behind it cancel, the others must be known.
func (f *layout) remainder(want []number, hole int) number {
	from, in := 0, f.rank
	for from < hole && from < in && want[from].same(f.at(f.rank-from).length()) {
		from++
	}
	to := len(want)
	for to > hole+1 && in > from && want[to-1].same(f.at(f.rank-in+1).length()) {
		to--
		in--
	}
	total := exactly(1)
	for i := from; i < in; i++ {
		total = total.times(f.at(f.rank - i).length())
	}
	for i := from; i < to; i++ {
		if i == hole {
			continue
		}
		if !want[i].known || want[i].n < 1 || !total.multipleOf(want[i].n) {
			return unknownNumber()
		}
		total = arithmetic("Div", total, want[i])
	}
	return total
}

// cutWithBatch follows [..., units] to [..., batch times heads, units within a head], as exporters of
// PyTorch's MultiheadAttention have it: heads are the faster part of the axis before the last.
func (f *layout) cutWithBatch(want []number) (*layout, bool) {
	a := f.at(1)
	if len(want) < 2 || !onlyLast(f.free()) || f.stack != nil {
		return nil, false
	}
	within, before := want[len(want)-1], want[len(want)-2]
	size := a.extent()
	if !within.known || within.n < 1 || size == 0 || size == within.n || size%within.n != 0 {
		return nil, false
	}
	heads := size / within.n
	if !before.multipleOf(heads) || !a.whole() || !a.segments[0].set.cut(heads) {
		return nil, false
	}
	set := a.segments[0].set
	out := shaped(want)
	out.set(2, axis{size: out.at(2).size, sym: out.at(2).sym, segments: []segment{{set: set, repeat: 1, grain: outer, batch: !before.known || before.n != heads}}})
	out.set(1, axis{size: within.n, segments: []segment{{set: set, repeat: 1, grain: inside}}})
	return out, true
}

// joinWithBatch follows heads, with or without a batch, back to units: [..., units].
func (f *layout) joinWithBatch(want []number) (*layout, bool) {
	a, b := f.at(2), f.at(1)
	if f.stack != nil || len(f.free()) != 2 || len(a.segments) != 1 || len(b.segments) != 1 || a.segments[0].grain != outer || b.segments[0].grain != inside {
		return nil, false
	}
	set := b.segments[0].set.root()
	if a.segments[0].set.root().HeadOrder.Root() != set.HeadOrder.Root() || a.segments[0].set.root().Heads != set.Heads {
		return nil, false
	}
	if last := want[len(want)-1]; !last.known || last.n != set.Size {
		return nil, false
	}
	return shapedLike(want, axis{size: set.Size, segments: []segment{{set: set, repeat: 1}}}), true
}

// whole tells whether an axis counts the units of one set, once each.
func (a axis) whole() bool {
	return len(a.segments) == 1 && a.segments[0].set != nil && a.segments[0].repeat == 1 && a.segments[0].grain == entire && a.segments[0].interleaved == nil
}

// shapedLike is the form of a given shape with a known last axis.
func shapedLike(want []number, last axis) *layout {
	out := shaped(want)
	out.set(1, last)
	return out
}

// shaped is the form of an array in fixed order.
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

// onlyLast tells whether the last axis is the only one in free order.
func onlyLast(free []int) bool { return len(free) == 1 && free[0] == 1 }

// free lists the axes in free order, counted from the end.
func (f *layout) free() (list []int) {
	for i := 1; i <= len(f.axes); i++ {
		if len(f.at(i).segments) > 0 {
			list = append(list, i)
		}
	}
	return list
}

// region is the part of a Reshape that changes: consecutive axes of the input and of the result that hold
// the same elements in the same order.
type region struct {
	stack       *stack
	front, back []axis // axes that stay as they are
	in          []axis
	want        []number
	out         []axis // what the wanted axes count, once followed
	stacked     *stack // made by following
}

// locate finds the region that holds all axes in free order: those in front of it are in fixed order, or
// stay as they are. Either lengths agree one by one from the front, or a number of last axes holds as many
// elements as a number of last axes wanted.
func (f *layout) locate(want []number) (*region, bool) {
	first := f.rank // axes before the first in free order
	for i := range f.rank {
		if len(f.at(f.rank-i).segments) > 0 || f.stack != nil && f.rank-i == f.stack.at {
			first = i
			break
		}
	}
	k := 0
	for k < min(f.rank, len(want)) && want[k].same(f.at(f.rank-k).length()) && !(f.stack != nil && k >= first) {
		k++
	}
	front := axesOf(f, 0, k)
	if k < first {
		q, ok := f.suffix(first, want)
		if !ok {
			return nil, false
		}
		front = shaped(want[:q]).axes
		return f.region(front, first, want[q:]), true
	}
	return f.region(front, k, want[k:]), true
}

// axesOf lists axes by their numbers.
func axesOf(f *layout, from, to int) (list []axis) {
	for i := from; i < to; i++ {
		list = append(list, f.at(f.rank-i))
	}
	return list
}

// suffix finds the wanted axis from which on there are as many elements as in the axes from first on.
func (f *layout) suffix(first int, want []number) (int, bool) {
	total := exactly(1)
	for i := first; i < f.rank; i++ {
		total = total.times(f.at(f.rank - i).length())
	}
	product := exactly(1)
	for q := len(want); total.known; q-- {
		if product.same(total) {
			for q > 0 && want[q-1].same(exactly(1)) && len(want)-q < f.rank-first {
				q--
			}
			return q, true
		}
		if q == 0 {
			break
		}
		product = product.times(want[q-1])
	}
	return 0, false
}

// region is what remains of the axes from one on once equal last axes are left out.
func (f *layout) region(front []axis, from int, want []number) *region {
	r := &region{stack: f.stack, front: front, in: axesOf(f, from, f.rank), want: want}
	for len(r.in) > 0 && len(r.want) > 0 && f.stack == nil {
		last, x := r.in[len(r.in)-1], r.want[len(r.want)-1]
		if !x.same(last.length()) {
			break
		}
		r.back = append([]axis{last}, r.back...)
		r.in, r.want = r.in[:len(r.in)-1], r.want[:len(r.want)-1]
	}
	return r
}

// result is the result once the region has been followed.
func (r *region) result() *layout {
	out := &layout{axes: slices.Concat(r.front, r.out, r.back)}
	out.rank = len(out.axes)
	if r.stacked != nil {
		out.stack = &stack{at: r.stacked.at + len(r.back)}
		for _, axes := range r.stacked.layouts {
			whole := slices.Concat(r.front, axes.axes, r.back)
			out.stack.layouts = append(out.stack.layouts, &layout{rank: len(whole), axes: whole})
		}
	}
	return out
}
