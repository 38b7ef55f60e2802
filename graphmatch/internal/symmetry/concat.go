package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// concat strings the orders of its inputs together (Concat, opset 13).
func (t *tracer) concat(n *flow.Node) bool {
	first := t.input(n, 0)
	i := first.fromEnd(int(n.Attributes().Int("axis", 0)))
	if i == 0 {
		return false
	}
	if out := t.concatStates(n, i); out != nil {
		return t.result(n, out)
	}
	if slices.ContainsFunc(n.In, func(v *flow.Value) bool { return t.layout(v).stack != nil }) {
		return false
	}
	joined := t.concatAxis(n, i)
	out := first.copy()
	t.concatOthers(n, out, i)
	out.set(i, joined.bounded())
	return t.result(n, out)
}

// concatAxis is what the axis that a Concat joins its inputs along counts. Its size is 0 if that of an input is not
// known.
func (t *tracer) concatAxis(n *flow.Node, i int) axis {
	joined, sized := axis{}, true
	for slot := range n.In {
		a := t.input(n, slot).at(i)
		sized = sized && a.extent() > 0
		if a.free() {
			joined.segments = append(joined.segments, a.segments...)
		} else {
			joined.segments = append(joined.segments, segment{fixed: a.extent()})
		}
	}
	if sized {
		joined.size = lengthOf(joined.segments)
	}
	return joined
}

// bounded is an axis of which nothing is known where no set lies along it, where its length is not known, or where
// there are more segments than are followed.
func (a axis) bounded() axis {
	if len(a.sets()) > 0 && a.size > 0 && len(a.segments) <= maxSegments {
		return a
	}
	a.freeze()
	return axis{}
}

// concatStates stacks the last states [directions, batch, units] of several recurrent layers, nil when it is something
// else.
func (t *tracer) concatStates(n *flow.Node, i int) *layout {
	var states []*layout
	for slot, in := range n.In {
		f := t.input(n, slot)
		switch {
		case in == nil || in.From == nil || gates[in.From.Op] == 0 || i != 3 || f.rank != 3:
			return nil
		case f.stack != nil:
			states = append(states, f.stack.layouts...)
		default:
			states = append(states, f)
		}
	}
	size := func(f *layout) int { return f.at(1).extent() }
	if len(states) == 0 || slices.ContainsFunc(states, func(f *layout) bool { return size(f) != size(states[0]) }) {
		return nil
	}
	return stacked(states, i)
}

// concatOthers unifies the axes that a Concat leaves alone; parameters among its inputs (class tokens) follow the
// data.
func (t *tracer) concatOthers(n *flow.Node, out *layout, i int) {
	for k := 1; k <= max(out.rank, len(out.axes)); k++ {
		if k != i {
			out.set(k, t.unifiedInputs(n, k))
		}
	}
	for slot := range n.In {
		p := t.param(n, slot)
		if p == nil {
			continue
		}
		seen := make([]axis, len(p.C.Shape))
		for k := range seen {
			if fromEnd := len(seen) - k; fromEnd != i {
				seen[k] = out.at(fromEnd).sized(p.C.Shape[k])
			}
		}
		t.record(p, seen)
	}
}

// unifiedInputs unifies one axis, counted from the end, of all inputs that are no parameters.
func (t *tracer) unifiedInputs(n *flow.Node, k int) axis {
	a, started := axis{}, false
	for slot := range n.In {
		if t.param(n, slot) != nil {
			continue
		}
		if b := t.input(n, slot).at(k); started {
			a = unify(a, b)
		} else {
			a, started = b, true
		}
	}
	return a
}
