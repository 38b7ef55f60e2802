package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// fit returns the shape of one sample for an array of the given shape, so that it fits the field. These fit:
//
//   - the same number of axes, each of the same length or symbolic in the graph;
//   - the same after axes of length 1 are dropped on both sides: [N,8,8] for [N,1,8,8], [N] for [N,1];
//   - a flat vector for a matrix and the other way round when the counts agree: [N,64] for [N,1,8,8] or [N,8,8].
//
// In these cases there is only one row-major reading. A flat vector for [N,3,32,32] is refused: it may have been
// flattened with its channels first or last.
func fit(f Field, shape []int) ([]int, error) {
	if f.Shape != nil && len(f.Shape) == 0 {
		return nil, fail("only inputs with a batch axis can be fed samples",
			"the graph's input is a scalar without a batch axis")
	}
	if len(shape) == 0 {
		return nil, fail("the first axis must count samples", "the array is a scalar: it has no batch axis")
	}
	if slices.Contains(shape, 0) {
		return nil, fail("every array needs at least one sample of at least one value",
			"the array is empty: its shape is %v", shape)
	}
	sample := shape[1:]
	if f.Shape == nil {
		return slices.Clone(sample), nil
	}
	want := f.Shape[1:]
	if got, ok := fitSample(sample, want); ok {
		return got, nil
	}
	return nil, fail(misfitHint(f, shape), "shape %v does not fit the graph's %s", shape, shapeText(f.Shape))
}

func fitSample(sample, want []int) ([]int, bool) {
	if fits(sample, want) {
		return slices.Clone(sample), true
	}
	tightSample, tightWant := squeeze(sample), squeeze(want)
	if fits(tightSample, tightWant) {
		return unsqueeze(tightSample, want), true
	}
	flat := len(tightSample) <= 1 || len(tightWant) <= 1
	if flat && len(tightSample) <= 2 && len(tightWant) <= 2 && !slices.Contains(want, -1) &&
		product(sample) == product(want) {
		return slices.Clone(want), true
	}
	return nil, false
}

// fits says whether both have as many axes and every length is the wanted one or free.
func fits(sample, want []int) bool {
	return slices.EqualFunc(sample, want, func(got, want int) bool { return want < 0 || got == want })
}

// squeeze drops the axes of length 1.
func squeeze(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(n int) bool { return n == 1 })
}

// unsqueeze puts the axes of length 1 of want back.
func unsqueeze(tight, want []int) []int {
	out := make([]int, len(want))
	for i, n := range want {
		if n == 1 {
			out[i] = 1
			continue
		}
		out[i], tight = tight[0], tight[1:]
	}
	return out
}

func product(shape []int) int {
	p := 1
	for _, n := range shape {
		p *= n
	}
	return p
}

// misfitHint says how to reshape an array that does not fit.
func misfitHint(f Field, shape []int) string {
	sample, want := shape[1:], f.Shape[1:]
	if _, ok := fitSample(shape, want); ok {
		return "add a batch axis: x[None] makes it one sample"
	}
	for _, order := range [][]int{{2, 0, 1}, {1, 2, 0}} {
		if len(sample) == 3 && fits([]int{sample[order[0]], sample[order[1]], sample[order[2]]}, want) {
			return fmt.Sprintf("the channels seem to be on another axis: numpy.transpose(x, (0, %d, %d, %d))",
				order[0]+1, order[1]+1, order[2]+1)
		}
	}
	if product(sample) == product(want) {
		return "the number of values per sample is right, but their order is not known: reshape the array yourself"
	}
	return "give samples of the graph's shape; the first axis counts samples"
}

// shapeText writes a graph's shape with N for the batch axis and ? for symbolic ones.
func shapeText(shape []int) string {
	parts := make([]string, len(shape))
	for i, n := range shape {
		switch {
		case i == 0:
			parts[i] = "N"
		case n < 0:
			parts[i] = "?"
		default:
			parts[i] = fmt.Sprint(n)
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}
