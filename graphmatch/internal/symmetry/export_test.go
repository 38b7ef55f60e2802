package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// TracedNumber is what is known of a whole number: its value, or that it is Factor times the length of an axis of the
// input x, or of anything where Axis is -1.
type TracedNumber struct {
	Known     bool
	N, Factor int
	Axis      int
}

// TracedNumbers are the whole numbers that an array of a model holds, as far as the trace knows them.
func TracedNumbers(v *flow.Network, array *flow.Value) (list []TracedNumber) {
	t := newTracer(v)
	t.trace()
	x := t.layouts[v.Named["x"]]
	for _, n := range t.numbers(array) {
		traced := TracedNumber{Known: n.known, N: n.n, Factor: n.factor, Axis: -1}
		for i, a := range x.axes {
			if n.sym > 0 && a.sym == n.sym {
				traced.Axis = i
			}
		}
		list = append(list, traced)
	}
	return list
}

// TracedShapes returns a function that says how long the axes of a value are, 0 where that is not known; its second
// result is false where not even their number is.
func TracedShapes(v *flow.Network) func(*flow.Value) ([]int, bool) {
	t := newTracer(v)
	t.trace()
	return func(x *flow.Value) (shape []int, ok bool) {
		f := t.layout(x)
		for i := f.rank; i >= 1; i-- {
			shape = append(shape, f.at(i).extent())
		}
		return shape, f.rank >= 0
	}
}
