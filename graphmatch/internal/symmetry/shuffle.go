package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// channelShuffle follows the Reshape, Transpose and Reshape by which channels of groups are woven into each other
// (ShuffleNet, arXiv 1707.01083): [..., groups, channels of a group, ...] with the two axes swapped.
func (t *tracer) channelShuffle(n *flow.Node, f *layout, want []number) bool {
	p := 0 // the axis that is cut
	for p < min(f.rank, len(want)) && want[p].same(f.at(f.rank-p).length()) {
		p++
	}
	a := f.at(f.rank - p)
	if f.stack != nil || len(want) != f.rank+1 || p >= f.rank || len(f.free()) != 1 || len(a.segments) == 0 {
		return false
	}
	groups, size := want[p], want[p+1]
	if !groups.known || !size.known || groups.n < 2 || size.n < 2 || groups.n*size.n != a.extent() {
		return false
	}
	for i := p + 2; i < len(want); i++ {
		if !want[i].same(f.at(f.rank - i + 1).length()) {
			return false
		}
	}
	turn, again := t.transposeAndMerge(n, p, want)
	if again == nil {
		return false
	}
	parts, ok := a.divided(groups.n, size.n)
	if !ok {
		return false
	}
	woven := segment{}
	for _, part := range parts {
		for _, s := range part.segments {
			if s.grain != entire || s.interleaved == nil && s.set != nil && s.repeat != 1 {
				return false
			}
		}
		woven.interleaved = append(woven.interleaved, part.segments)
	}
	out := f.copy()
	out.set(f.rank-p, axis{size: a.extent(), segments: []segment{woven}})
	t.layouts[again.Out[0]] = out
	t.skip[turn], t.skip[again] = true, true
	return t.result(n, shaped(want))
}

// transposeAndMerge are the Transpose that swaps axes p and p+1 of a node's result and the Reshape that merges them,
// nil if that is not what follows.
func (t *tracer) transposeAndMerge(n *flow.Node, p int, want []number) (turn, again *flow.Node) {
	first, ok := n.Out[0].OnlyReader()
	if !ok || first.Node.Op != "Transpose" || len(first.Node.Out) == 0 {
		return nil, nil
	}
	perm := flow.IntsAttr(first.Node.Proto, "perm")
	if len(perm) != len(want) {
		return nil, nil
	}
	turned := shaped(want)
	turned.axes[p], turned.axes[p+1] = turned.axes[p+1], turned.axes[p]
	for i, x := range perm {
		expect := i
		switch i {
		case p:
			expect = p + 1
		case p + 1:
			expect = p
		}
		if int(x) != expect {
			return nil, nil
		}
	}
	second, ok := first.Node.Out[0].OnlyReader()
	if !ok || second.Slot != 0 || second.Node.Op != "Reshape" || len(second.Node.In) < 2 || len(second.Node.Out) == 0 {
		return nil, nil
	}
	merged := t.numbers(second.Node.In[1])
	if len(merged) != len(want)-1 {
		return nil, nil
	}
	merged = turned.resolved(merged, second.Node)
	for i, x := range merged {
		expect := want[i+min(1, max(0, i-p))]
		if i == p {
			expect = want[p].times(want[p+1])
		}
		if !x.same(expect) {
			return nil, nil
		}
	}
	return first.Node, second.Node
}
