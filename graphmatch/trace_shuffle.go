package graphmatch

// shuffle follows the Reshape, Transpose and Reshape by which channels of groups are woven into each other
// (ShuffleNet, arXiv 1707.01083): [..., groups, channels of a group, ...] with the two axes swapped.
func (t *tracer) shuffle(n *node, f *form, want []number) bool {
	p := 0 // the axis that is cut
	for p < min(f.rank, len(want)) && want[p].same(f.at(f.rank-p).length()) {
		p++
	}
	a := f.at(f.rank - p)
	if f.stack != nil || len(want) != f.rank+1 || p >= f.rank || len(f.free()) != 1 || len(a.runs) == 0 {
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
	turn, again := t.swapped(n, p, want)
	if again == nil {
		return false
	}
	parts, ok := a.divided(groups.n, size.n)
	if !ok {
		return false
	}
	woven := segment{}
	for _, part := range parts {
		for _, s := range part.runs {
			if s.grain != entire || s.weave == nil && s.set != nil && s.repeat != 1 {
				return false
			}
		}
		woven.weave = append(woven.weave, part.runs)
	}
	out := f.copy()
	out.set(f.rank-p, axis{size: a.extent(), runs: []segment{woven}})
	t.forms[again.out[0]] = out
	t.skip[turn], t.skip[again] = true, true
	return t.result(n, shaped(want))
}

// swapped are the Transpose that swaps axes p and p+1 of a node's result and the Reshape that merges them,
// nil if that is not what follows.
func (t *tracer) swapped(n *node, p int, want []number) (turn, again *node) {
	first, ok := n.out[0].onlyReader()
	if !ok || first.node.op != "Transpose" || len(first.node.out) == 0 {
		return nil, nil
	}
	perm := intsAttr(first.node.proto, "perm")
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
	second, ok := first.node.out[0].onlyReader()
	if !ok || second.slot != 0 || second.node.op != "Reshape" || len(second.node.in) < 2 || len(second.node.out) == 0 {
		return nil, nil
	}
	merged := t.numbers(second.node.in[1])
	if len(merged) != len(want)-1 {
		return nil, nil
	}
	merged = turned.resolved(merged, second.node)
	for i, x := range merged {
		expect := want[i+min(1, max(0, i-p))]
		if i == p {
			expect = want[p].times(want[p+1])
		}
		if !x.same(expect) {
			return nil, nil
		}
	}
	return first.node, second.node
}
