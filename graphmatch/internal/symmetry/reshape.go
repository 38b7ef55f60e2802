package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// reshape follows a Reshape. The axes that it leaves as they are, in front and at the end, are matched by their
// lengths; what lies between holds the same elements in the same order, and is followed where it is one of the things
// that networks do: flattening feature maps, cutting hidden units into heads and joining them again, stacking queries,
// keys and values, adding and dropping axes of length one.
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
		out, ok := f.reshapedUnranked(want)
		return ok && t.result(n, out)
	}
	want = f.resolved(want, n)
	if t.channelShuffle(n, f, want) {
		return true
	}
	if out, ok := f.reshaped(want); ok {
		return t.result(n, out)
	}
	return false
}

// reshaped is the layout in another shape, false where it is not followed.
func (f *layout) reshaped(want []number) (*layout, bool) {
	if out, ok := f.cutWithBatch(want); ok {
		return out, true
	}
	if out, ok := f.joinWithBatch(want); ok {
		return out, true
	}
	r, ok := f.locate(want)
	if !ok || !r.follow() {
		return nil, false
	}
	return r.result(), true
}

// reshapedUnranked follows an array of which only the last axis is known to one with an equal last axis, or with
// heads.
func (f *layout) reshapedUnranked(want []number) (*layout, bool) {
	if !onlyLast(f.free()) || len(want) == 0 {
		return nil, false
	}
	if last := want[len(want)-1]; last.known && last.n == f.at(1).extent() {
		return shapedLike(want, f.at(1)), true
	}
	return f.cutWithBatch(want)
}

// resolved fills in what a Reshape's 0 and -1 stand for: the length of the input's axis, and what remains.
func (f *layout) resolved(want []number, n *flow.Node) []number {
	out := slices.Clone(want)
	copies := n.Attributes().Int("allowzero", 0) == 0
	open := -1 // the axis that takes what remains
	for i, x := range out {
		switch {
		case x.known && x.n == 0 && copies && i < f.rank:
			out[i] = f.at(f.rank - i).length()
		case x.known && x.n == -1 && open < 0:
			open = i
		case x.known && x.n < 0:
			out[i] = unknownNumber()
		}
	}
	if open >= 0 {
		out[open] = f.remainder(out, open)
	}
	return out
}

// remainder is the length of the axis that a Reshape leaves open: axes of one length in front of it and behind it
// cancel, the others must be known.
func (f *layout) remainder(want []number, open int) number {
	if f.rank < 0 {
		return unknownNumber()
	}
	from, in := 0, f.rank
	for from < open && from < in && want[from].same(f.at(f.rank-from).length()) {
		from++
	}
	to := len(want)
	for to > open+1 && in > from && want[to-1].same(f.at(f.rank-in+1).length()) {
		to--
		in--
	}
	total := product(f.between(from, in))
	for _, x := range slices.Concat(want[from:open], want[open+1:to]) {
		if !x.known || x.n < 1 || !total.multipleOf(x.n) {
			return unknownNumber()
		}
		total = total.dividedBy(x)
	}
	return total
}

// product is the number of elements along axes.
func product(axes []axis) number {
	total := exactly(1)
	for _, a := range axes {
		total = total.times(a.length())
	}
	return total
}

// cutWithBatch follows [..., units] to [..., batch times heads, units within a head], as exporters of PyTorch's
// MultiheadAttention have it: heads are the faster part of the axis before the last.
func (f *layout) cutWithBatch(want []number) (*layout, bool) {
	a := f.at(1)
	if len(want) < 2 || !onlyLast(f.free()) || f.stack != nil {
		return nil, false
	}
	within, before := want[len(want)-1], want[len(want)-2]
	size := a.extent()
	if !within.known || within.n < 1 || size == within.n || !exactly(size).multipleOf(within.n) || size == 0 {
		return nil, false
	}
	count := size / within.n
	if !before.multipleOf(count) || !a.whole() || !a.segments[0].set.cut(count) {
		return nil, false
	}
	out, set := shaped(want), a.segments[0].set
	outer := headsOf(set)
	outer.batch = !before.known || before.n != count
	out.set(2, axis{size: out.at(2).size, sym: out.at(2).sym, segments: []segment{outer}})
	out.set(1, axis{size: within.n, segments: []segment{withinHeadsOf(set)}})
	return out, true
}

// joinWithBatch follows heads, with or without a batch, back to units: [..., units].
func (f *layout) joinWithBatch(want []number) (*layout, bool) {
	if f.stack != nil || len(f.free()) != 2 || len(want) == 0 {
		return nil, false
	}
	set := joinedHeads(f.at(2), f.at(1))
	if set == nil {
		return nil, false
	}
	if last := want[len(want)-1]; !last.known || last.n != set.Size {
		return nil, false
	}
	return shapedLike(want, axisOf(set, set.Size)), true
}

// joinedHeads is the set whose heads one axis counts and whose units within a head the other does, nil if they count
// anything else.
func joinedHeads(a, b axis) *Set {
	if len(a.segments) != 1 || len(b.segments) != 1 {
		return nil
	}
	outer, inner := a.segments[0], b.segments[0]
	if outer.counts != heads || inner.counts != inHead {
		return nil
	}
	h, set := outer.set.root(), inner.set.root()
	if h.HeadOrder.Root() != set.HeadOrder.Root() || h.Heads != set.Heads {
		return nil
	}
	return set
}
