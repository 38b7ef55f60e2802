package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestTransposeGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		rank := d.between(2, 5)
		perm := make([]int64, rank)
		for i, p := range d.Perm(rank) {
			perm[i] = int64(p)
		}
		shape := d.shape(rank)
		c := gradCase{op: "Transpose", opset: 13, attrs: attrs{intsAttr("perm", perm...)},
			inputs: []*op.Tensor{randomTensor(seed, shape...)}, wrt: []int{0}}
		if operator, _, _ := buildAny(t, c); operator == nil {
			continue // no element moves
		}
		checkLinear(t, c)
	}
}

func (draw) asInts(list []int64) []int {
	ints := make([]int, len(list))
	for i, v := range list {
		ints[i] = int(v)
	}
	return ints
}

func TestConcat(t *testing.T) {
	a, b := counting(2, 2), floatTensor([]int{2, 1}, 8, 9)
	joined := floatTensor([]int{2, 3}, 1, 2, 8, 3, 4, 9)
	expectNode(t, "last axis",
		gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{a, b}, attrs: attrs{intAttr("axis", -1)}}, joined)
	expectNode(t, "opset 1 default", gradCase{op: "Concat", opset: 1, inputs: []*op.Tensor{a, b}}, joined)
	expectNode(t, "one input",
		gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{a}, attrs: attrs{intAttr("axis", 0)}}, a)
	expectNode(t, "empty part", gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{floatTensor([]int{0, 2}), a},
		attrs: attrs{intAttr("axis", 0)}}, a)
	expectNode(t, "integers", gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{intTensor(1), intTensor(2, 3)},
		attrs: attrs{intAttr("axis", 0)}}, intTensor(1, 2, 3))
	axis := attrs{intAttr("axis", 0)}
	expectError(t, "shapes", gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{a, b}, attrs: axis}, op.ErrShape)
	expectError(t, "types",
		gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{counting(2), intTensor(1)}, attrs: axis}, op.ErrShape)
	expectError(t, "ranks",
		gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{a, counting(2)}, attrs: axis}, op.ErrShape)
	expectError(t, "scalars",
		gradCase{op: "Concat", opset: 13, inputs: []*op.Tensor{floatTensor([]int{}, 1)}, attrs: axis}, op.ErrShape)
	expectError(t, "nothing", gradCase{op: "Concat", opset: 13, attrs: axis}, op.ErrShape)
}

func TestConcatGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		c := gradCase{op: "Concat", opset: 13, attrs: attrs{intAttr("axis", given)}}
		for i := range d.between(2, 4) {
			shape[axis] = d.IntN(4)
			c.inputs = append(c.inputs, randomTensor(seed+uint64(i), append([]int{}, shape...)...))
			c.wrt = append(c.wrt, i)
		}
		checkLinear(t, c)
	}
}

func TestSlice(t *testing.T) {
	x := floatTensor([]int{5}, 1, 2, 3, 4, 5)
	slice := func(lists ...*op.Tensor) gradCase {
		return gradCase{op: "Slice", opset: 13, inputs: append([]*op.Tensor{x}, lists...)}
	}
	const far = 1<<63 - 1
	for name, c := range map[string]struct {
		c    gradCase
		want []float32
	}{
		"middle":       {slice(intTensor(1), intTensor(3)), []float32{2, 3}},
		"to the end":   {slice(intTensor(-2), intTensor(far)), []float32{4, 5}},
		"whole":        {slice(intTensor(0), intTensor(far)), x.F},
		"every second": {slice(intTensor(0), intTensor(far), intTensor(0), intTensor(2)), []float32{1, 3, 5}},
		"backwards": {slice(intTensor(-1), intTensor(-far-1), intTensor(0),
			intTensor(-1)), []float32{5, 4, 3, 2, 1}},
		"backwards in two": {slice(intTensor(3), intTensor(0), intTensor(-1), intTensor(-2)), []float32{4, 2}},
		"huge step":        {slice(intTensor(1), intTensor(far), intTensor(0), intTensor(far)), []float32{2}},
		"huge step back":   {slice(intTensor(far), intTensor(-far-1), intTensor(0), intTensor(-far-1)), []float32{5}},
		"nothing":          {slice(intTensor(4), intTensor(2)), []float32{}},
		"opset 1": {gradCase{op: "Slice", opset: 1, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("starts", 1), intsAttr("ends", -1), intsAttr("axes", 0)}},
			[]float32{2, 3, 4}},
	} {
		expectNode(t, name, c.c, floatTensor([]int{len(c.want)}, c.want...))
	}
	expectError(t, "step 0", slice(intTensor(0), intTensor(1), intTensor(0), intTensor(0)), op.ErrShape)
	expectError(t, "lengths", slice(intTensor(0, 1), intTensor(1)), op.ErrShape)
	expectError(t, "axis", slice(intTensor(0), intTensor(1), intTensor(1)), op.ErrShape)
	expectError(t, "axis twice", slice(intTensor(0, 0), intTensor(1, 1), intTensor(0, -1)), op.ErrShape)
	expectError(t, "no bounds", slice(), op.ErrShape)
	expectError(t, "bounds from data", slice(intTensor(0), intTensor(1)), op.ErrUnsupported, 1)
}

func TestSliceGradient(t *testing.T) {
	for seed := range uint64(60) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		bound := func() *op.Tensor { return intTensor(int64(d.between(-shape[axis]-1, shape[axis]+1))) }
		step := []int64{-3, -2, -1, 1, 2, 3}[d.IntN(6)]
		c := gradCase{op: "Slice", opset: 13, wrt: []int{0},
			inputs: []*op.Tensor{randomTensor(seed, shape...), bound(), bound(), intTensor(given), intTensor(step)}}
		if got, err := runNode(c); err != nil || got[0].Len() == 0 || got[0].Len() == c.inputs[0].Len() {
			continue // a view, or nothing to check
		}
		checkLinear(t, c)
	}
}

func TestSplit(t *testing.T) {
	x := counting(2, 3)
	left, right := floatTensor([]int{2, 2}, 1, 2, 4, 5), floatTensor([]int{2, 1}, 3, 6)
	axis := intAttr("axis", -1)
	expectNode(t, "attribute", gradCase{op: "Split", opset: 11, inputs: []*op.Tensor{x},
		attrs: attrs{axis, intsAttr("split", 2, 1)}}, left, right)
	expectNode(t, "input",
		gradCase{op: "Split", opset: 13, inputs: []*op.Tensor{x, intTensor(2, 1)}, attrs: attrs{axis}}, left, right)
	expectNode(t, "uneven", gradCase{op: "Split", opset: 18, inputs: []*op.Tensor{x},
		attrs: attrs{axis, intAttr("num_outputs", 2)}}, left, right)
	expectNode(t, "equal", gradCase{op: "Split", opset: 13, inputs: []*op.Tensor{x}}, counting(1, 3),
		floatTensor([]int{1, 3}, 4, 5, 6))
	expectNode(t, "empty part",
		gradCase{op: "Split", opset: 13, inputs: []*op.Tensor{x, intTensor(0, 2)}}, floatTensor([]int{0, 3}), x)
	for name, c := range map[string]gradCase{
		"not equal": {op: "Split", opset: 13, inputs: []*op.Tensor{x}, attrs: attrs{axis}, outputs: 2},
		"too much": {op: "Split", opset: 13,
			inputs: []*op.Tensor{x, intTensor(2, 2)}, attrs: attrs{axis}, outputs: 2},
		"too little": {op: "Split", opset: 13,
			inputs: []*op.Tensor{x, intTensor(1, 1)}, attrs: attrs{axis}, outputs: 2},
		"negative": {op: "Split", opset: 13,
			inputs: []*op.Tensor{x, intTensor(4, -1)}, attrs: attrs{axis}, outputs: 2},
		"outputs": {op: "Split", opset: 13,
			inputs: []*op.Tensor{x, intTensor(3)}, attrs: attrs{axis}, outputs: 2},
		"wrong number": {op: "Split", opset: 18, inputs: []*op.Tensor{x},
			attrs: attrs{axis, intAttr("num_outputs", 3)}, outputs: 2},
		"missing input": {op: "Split", opset: 13, outputs: 2},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}

func TestSplitGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		sizes := intTensor()
		shape[axis] = 0
		for range d.between(1, 3) {
			n := d.IntN(4)
			sizes = intTensor(append(sizes.I, int64(n))...)
			shape[axis] += n
		}
		checkLinear(t, gradCase{op: "Split", opset: 13, attrs: attrs{intAttr("axis", given)}, outputs: sizes.Len(),
			inputs: []*op.Tensor{randomTensor(seed, shape...), sizes}, wrt: []int{0}})
	}
}
