package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// reversedPads follows how PyTorch's exporter turns padding, given as pairs with the last axis first, into all starts
// and then all ends: Reshape to rows of two, rows reversed by a Slice, Transpose.
func (t *tracer) reversedPads(n *flow.Node) []number {
	if !slices.Equal(n.Attributes().Ints("perm", nil), []int64{1, 0}) {
		return nil
	}
	pairs := t.reversedRows(n.In[0].MadeBy("Slice")).MadeBy("Reshape")
	if pairs == nil || len(pairs.In) < 2 {
		return nil
	}
	shape, list := t.numbers(pairs.In[1]), t.numbers(pairs.In[0])
	if !slices.EqualFunc(shape, []number{exactly(-1), exactly(2)}, number.same) || list == nil || len(list)%2 != 0 {
		return nil
	}
	out := make([]number, 0, len(list))
	for side := range 2 {
		for i := len(list)/2 - 1; i >= 0; i-- {
			out = append(out, list[2*i+side])
		}
	}
	return out
}

// reversedRows is what a Slice reads if it reverses the first axis: from -1 to the smallest number there is, along axis
// 0, with step -1. It is nil for all others.
func (t *tracer) reversedRows(slice *flow.Node) *flow.Value {
	if slice == nil || len(slice.In) != 5 {
		return nil
	}
	for slot, want := range map[int]int{1: -1, 3: 0, 4: -1} {
		if !slices.EqualFunc(t.numbers(slice.In[slot]), []number{exactly(want)}, number.same) {
			return nil
		}
	}
	if ends, ok := t.Graph.Stored(slice.In[2]); !ok || len(ends) != 1 || ends[0] > -maxNumber {
		return nil
	}
	return slice.In[0]
}
