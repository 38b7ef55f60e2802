package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// channelShuffle follows the Reshape, Transpose and Reshape after which channels of different groups take turns
// (ShuffleNet, arXiv 1707.01083): [..., groups, channels of a group, ...] with the two axes exchanged. n is the first
// Reshape, f what it reads and want the shape that it makes.
func (t *tracer) channelShuffle(n *flow.Node, f *layout, want []number) bool {
	p := f.splitAxis(want)
	if p < 0 {
		return false
	}
	transpose, merge := t.transposeAndMerge(n, p, want)
	if merge == nil {
		return false
	}
	shuffled, ok := f.at(f.rank-p).interleave(want[p].n, want[p+1].n)
	if !ok {
		return false
	}
	out := f.copy()
	out.set(f.rank-p, shuffled)
	t.layouts[merge.Out[0]] = out
	t.skip[transpose], t.skip[merge] = true, true
	return t.result(n, shaped(want))
}

// splitAxis is the number of the axis that a Reshape splits into two longer than one while all others stay as they
// are, -1 if the Reshape does anything else or the axis is not the only one in free order.
func (f *layout) splitAxis(want []number) int {
	free := f.free()
	if f.stack != nil || len(want) != f.rank+1 || len(free) != 1 {
		return -1
	}
	p := f.rank - free[0]
	kept := slices.Concat(want[:p], want[p+2:])
	others := slices.Concat(f.between(0, p), f.between(p+1, f.rank))
	if !slices.EqualFunc(others, kept, func(a axis, x number) bool { return x.same(a.length()) }) {
		return -1
	}
	groups, size := want[p], want[p+1]
	if !groups.known || !size.known || groups.n < 2 || size.n < 2 || groups.n*size.n != f.at(free[0]).extent() {
		return -1
	}
	return p
}

// transposeAndMerge are the Transpose that exchanges axes p and p+1 of a node's result and the Reshape that merges
// them, nil if that is not what follows.
func (t *tracer) transposeAndMerge(n *flow.Node, p int, want []number) (transpose, merge *flow.Node) {
	transpose = onlyFollower(n, "Transpose")
	if transpose == nil || !exchangesNext(transpose.Attributes().Ints("perm", nil), p, len(want)) {
		return nil, nil
	}
	merge = onlyFollower(transpose, "Reshape")
	if merge == nil || len(merge.In) < 2 {
		return nil, nil
	}
	exchanged := shaped(want)
	exchanged.axes[p], exchanged.axes[p+1] = exchanged.axes[p+1], exchanged.axes[p]
	got := exchanged.resolved(t.numbers(merge.In[1]), merge)
	expect := slices.Concat(want[:p], []number{want[p].times(want[p+1])}, want[p+2:])
	if !slices.EqualFunc(got, expect, number.same) {
		return nil, nil
	}
	return transpose, merge
}

// onlyFollower is the node that alone reads a node's first output, if it is one of an operator that takes it as its
// data, else nil.
func onlyFollower(n *flow.Node, op string) *flow.Node {
	if len(n.Out) == 0 {
		return nil
	}
	r, ok := n.Out[0].OnlyReader()
	if !ok || r.Slot != 0 || r.Node.Op != op || len(r.Node.Out) == 0 {
		return nil
	}
	return r.Node
}

// exchangesNext tells whether a permutation of axes exchanges axes p and p+1 and moves no other.
func exchangesNext(perm []int64, p, rank int) bool {
	expect := make([]int64, rank)
	for i := range expect {
		expect[i] = int64(i)
	}
	expect[p], expect[p+1] = expect[p+1], expect[p]
	return slices.Equal(perm, expect)
}

// interleave makes equal consecutive groups of an axis take turns; false if it cannot be cut into them.
func (a axis) interleave(groups, size int) (axis, bool) {
	parts, ok := a.divided(groups, size)
	if !ok {
		return axis{}, false
	}
	out := segment{}
	for _, part := range parts {
		if slices.ContainsFunc(part.segments, func(s segment) bool { return !s.oncePerUnit() }) {
			return axis{}, false
		}
		out.interleaved = append(out.interleaved, part.segments)
	}
	return axis{size: a.extent(), segments: []segment{out}}, true
}
