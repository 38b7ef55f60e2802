package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// split cuts an axis in pieces, dividing the sets along it (Split, opset 18).
func (t *tracer) split(n *flow.Node) bool {
	f := t.input(n, 0)
	i := f.fromEnd(int(n.Attributes().Int("axis", 0)))
	if i == 0 {
		return false
	}
	if f.stack != nil {
		return i == f.stack.at && len(n.Out) == len(f.stack.layouts) && t.unstack(n, f)
	}
	lengths, ok := t.splitLengths(n, f.at(i).extent())
	if !ok {
		return false
	}
	start := 0
	for k, out := range n.Out {
		part, fits := f.at(i).cutOut(start, lengths[k])
		if !fits {
			return false
		}
		t.layouts[out] = f.copy()
		t.layouts[out].set(i, part)
		start += lengths[k]
	}
	return true
}

// splitLengths are the lengths of the pieces that a Split makes of an axis: those given, or else equal ones.
func (t *tracer) splitLengths(n *flow.Node, total int) ([]int, bool) {
	given, ok := t.Graph.Numbers(n, "split")
	if !ok && (len(n.Out) == 0 || total%len(n.Out) != 0) {
		return nil, false
	}
	lengths := make([]int, len(n.Out))
	for k := range lengths {
		lengths[k] = total / len(n.Out)
		if ok && k < len(given) {
			lengths[k] = int(given[k])
		}
	}
	return lengths, true
}

// unstack follows a Split into single positions of a stack.
func (t *tracer) unstack(n *flow.Node, f *layout) bool {
	pieces, given := t.Graph.Numbers(n, "split")
	if given && slices.ContainsFunc(pieces, func(p int64) bool { return p != 1 }) {
		return false
	}
	for k, out := range n.Out {
		t.layouts[out] = f.stack.layouts[k]
	}
	return true
}
