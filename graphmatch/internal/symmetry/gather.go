package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// gather follows Gather (opset 13): a lookup in a table of parameters, one position of a stack, or positions along an
// axis in fixed order.
func (t *tracer) gather(n *flow.Node) bool {
	f := t.input(n, 0)
	switch {
	case t.param(n, 0) != nil:
		return t.lookUp(n)
	case f.stack != nil:
		return t.gatherFromStack(n, f)
	}
	at, index := f.fromEnd(gatherAxis(n)), t.input(n, 1)
	if at == 0 || index.rank < 0 || f.rank < 0 || f.at(at).free() {
		return false
	}
	out := ranked(f.rank - 1 + index.rank)
	for i := 1; i <= f.rank; i++ {
		switch {
		case i < at:
			out.set(i, f.at(i))
		case i > at:
			out.set(i-1+index.rank, f.at(i))
		}
	}
	return t.result(n, out)
}

func gatherAxis(n *flow.Node) int { return int(n.Attributes().Int("axis", 0)) }

// lookUp follows a table lookup: the columns are hidden units, the rows are in fixed order.
func (t *tracer) lookUp(n *flow.Node) bool {
	p, index := t.param(n, 0), t.input(n, 1)
	if gatherAxis(n) != 0 || len(p.C.Shape) != 2 {
		return false
	}
	columns := t.newSet(n, p.C.Shape[1], 1)
	t.record(p, []axis{{}, columns})
	f := &layout{rank: -1, axes: []axis{columns}}
	if index.rank >= 0 {
		f.rank = index.rank + 1
		for i := 1; i <= index.rank; i++ {
			f.set(i+1, index.at(i))
		}
	}
	return t.result(n, f)
}

// gatherFromStack follows the choice of one position of a stack by a single known number.
func (t *tracer) gatherFromStack(n *flow.Node, f *layout) bool {
	if f.fromEnd(gatherAxis(n)) != f.stack.at || t.input(n, 1).rank != 0 {
		return false
	}
	which, count := t.numbers(n.In[1]), len(f.stack.layouts)
	if len(which) != 1 || !which[0].known || which[0].n < -count || which[0].n >= count {
		return false
	}
	return t.result(n, f.pick((which[0].n+count)%count))
}
