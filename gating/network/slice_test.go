package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
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
		c := optest.Case{Op: "Transpose", Opset: 13, Attrs: optest.Attrs{optest.IntsAttr("perm", perm...)},
			Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...)}, Wrt: []int{0}}
		if operator, _, _ := optest.BuildAny(t, c); operator == nil {
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
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{a, b},
			Attrs: optest.Attrs{optest.IntAttr("axis", -1)}}, joined)
	expectNode(t, "opset 1 default", optest.Case{Op: "Concat", Opset: 1, Inputs: []*op.Tensor{a, b}}, joined)
	expectNode(t, "one input",
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{a}, Attrs: optest.Attrs{optest.IntAttr("axis", 0)}},
		a)
	expectNode(t, "empty part", optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{0, 2}), a},
		Attrs: optest.Attrs{optest.IntAttr("axis", 0)}}, a)
	expectNode(t, "integers",
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{optest.IntTensor(1), optest.IntTensor(2, 3)},
			Attrs: optest.Attrs{optest.IntAttr("axis", 0)}}, optest.IntTensor(1, 2, 3))
	axis := optest.Attrs{optest.IntAttr("axis", 0)}
	expectError(t, "shapes", optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{a, b}, Attrs: axis}, op.ErrShape)
	expectError(t, "types",
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{counting(2), optest.IntTensor(1)}, Attrs: axis},
		op.ErrShape)
	expectError(t, "ranks",
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{a, counting(2)}, Attrs: axis}, op.ErrShape)
	expectError(t, "scalars",
		optest.Case{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{}, 1)}, Attrs: axis}, op.ErrShape)
	expectError(t, "nothing", optest.Case{Op: "Concat", Opset: 13, Attrs: axis}, op.ErrShape)
}

func TestConcatGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		c := optest.Case{Op: "Concat", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", given)}}
		for i := range d.between(2, 4) {
			shape[axis] = d.IntN(4)
			c.Inputs = append(c.Inputs, optest.RandomTensor(seed+uint64(i), append([]int{}, shape...)...))
			c.Wrt = append(c.Wrt, i)
		}
		checkLinear(t, c)
	}
}

func TestSlice(t *testing.T) {
	x := floatTensor([]int{5}, 1, 2, 3, 4, 5)
	slice := func(lists ...*op.Tensor) optest.Case {
		return optest.Case{Op: "Slice", Opset: 13, Inputs: append([]*op.Tensor{x}, lists...)}
	}
	const far = 1<<63 - 1
	for name, c := range map[string]struct {
		c    optest.Case
		want []float32
	}{
		"middle":     {slice(optest.IntTensor(1), optest.IntTensor(3)), []float32{2, 3}},
		"to the end": {slice(optest.IntTensor(-2), optest.IntTensor(far)), []float32{4, 5}},
		"whole":      {slice(optest.IntTensor(0), optest.IntTensor(far)), x.F},
		"every second": {slice(optest.IntTensor(0), optest.IntTensor(far), optest.IntTensor(0),
			optest.IntTensor(2)), []float32{1, 3, 5}},
		"backwards": {slice(optest.IntTensor(-1), optest.IntTensor(-far-1), optest.IntTensor(0),
			optest.IntTensor(-1)), []float32{5, 4, 3, 2, 1}},
		"backwards in two": {slice(optest.IntTensor(3), optest.IntTensor(0), optest.IntTensor(-1),
			optest.IntTensor(-2)), []float32{4, 2}},
		"huge step": {slice(optest.IntTensor(1), optest.IntTensor(far), optest.IntTensor(0),
			optest.IntTensor(far)), []float32{2}},
		"huge step back": {slice(optest.IntTensor(far), optest.IntTensor(-far-1), optest.IntTensor(0),
			optest.IntTensor(-far-1)), []float32{5}},
		"nothing": {slice(optest.IntTensor(4), optest.IntTensor(2)), []float32{}},
		"opset 1": {optest.Case{Op: "Slice", Opset: 1, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("starts", 1), optest.IntsAttr("ends", -1), optest.IntsAttr("axes", 0)}},
			[]float32{2, 3, 4}},
	} {
		expectNode(t, name, c.c, floatTensor([]int{len(c.want)}, c.want...))
	}
	expectError(t, "step 0",
		slice(optest.IntTensor(0), optest.IntTensor(1), optest.IntTensor(0), optest.IntTensor(0)), op.ErrShape)
	expectError(t, "lengths", slice(optest.IntTensor(0, 1), optest.IntTensor(1)), op.ErrShape)
	expectError(t, "axis", slice(optest.IntTensor(0), optest.IntTensor(1), optest.IntTensor(1)), op.ErrShape)
	expectError(t, "axis twice",
		slice(optest.IntTensor(0, 0), optest.IntTensor(1, 1), optest.IntTensor(0, -1)), op.ErrShape)
	expectError(t, "no bounds", slice(), op.ErrShape)
	expectError(t, "bounds from data", slice(optest.IntTensor(0), optest.IntTensor(1)), op.ErrUnsupported, 1)
}

func TestSliceGradient(t *testing.T) {
	for seed := range uint64(60) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		bound := func() *op.Tensor { return optest.IntTensor(int64(d.between(-shape[axis]-1, shape[axis]+1))) }
		step := []int64{-3, -2, -1, 1, 2, 3}[d.IntN(6)]
		c := optest.Case{Op: "Slice", Opset: 13, Wrt: []int{0},
			Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...), bound(), bound(),
				optest.IntTensor(given), optest.IntTensor(step)}}
		if got, err := runNode(c); err != nil || got[0].Len() == 0 || got[0].Len() == c.Inputs[0].Len() {
			continue // a view, or nothing to check
		}
		checkLinear(t, c)
	}
}

func TestSplit(t *testing.T) {
	x := counting(2, 3)
	left, right := floatTensor([]int{2, 2}, 1, 2, 4, 5), floatTensor([]int{2, 1}, 3, 6)
	axis := optest.IntAttr("axis", -1)
	expectNode(t, "attribute", optest.Case{Op: "Split", Opset: 11, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{axis, optest.IntsAttr("split", 2, 1)}}, left, right)
	expectNode(t, "input",
		optest.Case{Op: "Split", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(2, 1)}, Attrs: optest.Attrs{axis}},
		left, right)
	expectNode(t, "uneven", optest.Case{Op: "Split", Opset: 18, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{axis, optest.IntAttr("num_outputs", 2)}}, left, right)
	expectNode(t, "equal", optest.Case{Op: "Split", Opset: 13, Inputs: []*op.Tensor{x}}, counting(1, 3),
		floatTensor([]int{1, 3}, 4, 5, 6))
	expectNode(t, "empty part",
		optest.Case{Op: "Split", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(0, 2)}}, floatTensor([]int{0, 3}),
		x)
	for name, c := range map[string]optest.Case{
		"not equal": {Op: "Split", Opset: 13, Inputs: []*op.Tensor{x}, Attrs: optest.Attrs{axis}, Outputs: 2},
		"too much": {Op: "Split", Opset: 13,
			Inputs: []*op.Tensor{x, optest.IntTensor(2, 2)}, Attrs: optest.Attrs{axis}, Outputs: 2},
		"too little": {Op: "Split", Opset: 13,
			Inputs: []*op.Tensor{x, optest.IntTensor(1, 1)}, Attrs: optest.Attrs{axis}, Outputs: 2},
		"negative": {Op: "Split", Opset: 13,
			Inputs: []*op.Tensor{x, optest.IntTensor(4, -1)}, Attrs: optest.Attrs{axis}, Outputs: 2},
		"outputs": {Op: "Split", Opset: 13,
			Inputs: []*op.Tensor{x, optest.IntTensor(3)}, Attrs: optest.Attrs{axis}, Outputs: 2},
		"wrong number": {Op: "Split", Opset: 18, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{axis, optest.IntAttr("num_outputs", 3)}, Outputs: 2},
		"missing input": {Op: "Split", Opset: 13, Outputs: 2},
	} {
		expectError(t, name, c, op.ErrShape)
	}
}

func TestSplitGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		given, axis := d.axis(len(shape))
		sizes := optest.IntTensor()
		shape[axis] = 0
		for range d.between(1, 3) {
			n := d.IntN(4)
			sizes = optest.IntTensor(append(sizes.I, int64(n))...)
			shape[axis] += n
		}
		checkLinear(t, optest.Case{Op: "Split", Opset: 13,
			Attrs: optest.Attrs{optest.IntAttr("axis", given)}, Outputs: sizes.Len(),
			Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...), sizes}, Wrt: []int{0}})
	}
}
