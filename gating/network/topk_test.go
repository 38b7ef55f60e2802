package network

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

var nan = float32(math.NaN())

func TestTopK(t *testing.T) {
	x := floatTensor([]int{2, 4}, 3, 1, 3, 2, 4, 5, 6, 7)
	k := func(v ...int64) []*op.Tensor { return []*op.Tensor{x, optest.IntTensor(v...)} }
	expectNode(t, "largest", optest.Case{Op: "TopK", Opset: 11, Inputs: k(3)},
		floatTensor([]int{2, 3}, 3, 3, 2, 7, 6, 5), shapedInts([]int{2, 3}, 0, 2, 3, 3, 2, 1))
	expectNode(t, "smallest",
		optest.Case{Op: "TopK", Opset: 11, Inputs: k(2), Attrs: optest.Attrs{optest.IntAttr("largest", 0)}},
		floatTensor([]int{2, 2}, 1, 2, 4, 5), shapedInts([]int{2, 2}, 1, 3, 0, 1))
	expectNode(t, "columns",
		optest.Case{Op: "TopK", Opset: 10, Inputs: k(1), Attrs: optest.Attrs{optest.IntAttr("axis", 0)}},
		floatTensor([]int{1, 4}, 4, 5, 6, 7), shapedInts([]int{1, 4}, 1, 1, 1, 1))
	expectNode(t, "opset 1",
		optest.Case{Op: "TopK", Opset: 1, Inputs: []*op.Tensor{x}, Attrs: optest.Attrs{optest.IntAttr("k", 1)}},
		floatTensor([]int{2, 1}, 3, 7), shapedInts([]int{2, 1}, 0, 3))
	expectNode(t, "none", optest.Case{Op: "TopK", Opset: 11, Inputs: k(0)},
		floatTensor([]int{2, 0}), shapedInts([]int{2, 0}))
	expectNode(t, "integers", optest.Case{Op: "TopK", Opset: 11,
		Inputs: []*op.Tensor{optest.IntTensor(1, 9, 5), optest.IntTensor(2)}}, optest.IntTensor(9, 5),
		optest.IntTensor(1, 2))
	expectNode(t, "nan",
		optest.Case{Op: "TopK", Opset: 11, Inputs: []*op.Tensor{floatTensor([]int{3}, 1, nan, 2), optest.IntTensor(2)}},
		floatTensor([]int{2}, nan, 2), optest.IntTensor(1, 2))
	expectError(t, "k too large", optest.Case{Op: "TopK", Opset: 11, Inputs: k(5), Outputs: 2}, op.ErrShape)
	expectError(t, "k negative", optest.Case{Op: "TopK", Opset: 11, Inputs: k(-1), Outputs: 2}, op.ErrShape)
	expectError(t, "two k", optest.Case{Op: "TopK", Opset: 11, Inputs: k(1, 1), Outputs: 2}, op.ErrShape)
}

func TestTopKGradient(t *testing.T) {
	for seed := range uint64(30) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 3))
		given, axis := d.axis(len(shape))
		x := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
		for i, p := range d.Perm(len(x.F)) {
			x.F[i] = float32(p) // far enough apart that a difference changes no order
		}
		optest.CheckGradients(t, optest.Case{Op: "TopK", Opset: 11, Outputs: 2, Wrt: []int{0},
			Attrs:  optest.Attrs{optest.IntAttr("axis", given), optest.IntAttr("largest", int64(d.IntN(2)))},
			Inputs: []*op.Tensor{x, optest.IntTensor(int64(d.IntN(shape[axis] + 1)))}})
	}
}

func TestArgMaxAndArgMin(t *testing.T) {
	x := floatTensor([]int{2, 3}, 2, 2, 1, 0, nan, nan)
	last, flat := optest.IntAttr("select_last_index", 1), optest.IntAttr("keepdims", 0)
	expectNode(t, "first", optest.Case{Op: "ArgMax", Opset: 13, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{optest.IntAttr("axis", 1), flat}}, optest.IntTensor(0, 1))
	expectNode(t, "last", optest.Case{Op: "ArgMax", Opset: 13, Inputs: []*op.Tensor{x},
		Attrs: optest.Attrs{optest.IntAttr("axis", -1), last}}, shapedInts([]int{2, 1}, 1, 1))
	expectNode(t, "smallest",
		optest.Case{Op: "ArgMin", Opset: 1, Inputs: []*op.Tensor{counting(2, 2)}}, shapedInts([]int{1, 2}, 0, 0))
	expectNode(t, "integers",
		optest.Case{Op: "ArgMin", Opset: 13, Inputs: []*op.Tensor{optest.IntTensor(3, 1, 1)},
			Attrs: optest.Attrs{last}}, optest.IntTensor(2))
	expectNode(t, "no lanes", optest.Case{Op: "ArgMax", Opset: 13,
		Inputs: []*op.Tensor{floatTensor([]int{2, 0})}, Attrs: optest.Attrs{flat}}, optest.IntTensor())
	expectError(t, "empty lanes",
		optest.Case{Op: "ArgMax", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{0, 2})}}, op.ErrShape)
	expectError(t, "scalar",
		optest.Case{Op: "ArgMax", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{}, 1)}}, op.ErrShape)
}

func TestCumSum(t *testing.T) {
	x := floatTensor([]int{3}, 1, 2, 4)
	for name, c := range map[string]struct {
		attrs optest.Attrs
		want  []float32
	}{
		"plain":     {nil, []float32{1, 3, 7}},
		"exclusive": {optest.Attrs{optest.IntAttr("exclusive", 1)}, []float32{0, 1, 3}},
		"reverse":   {optest.Attrs{optest.IntAttr("reverse", 1)}, []float32{7, 6, 4}},
		"reverse and exclusive": {optest.Attrs{optest.IntAttr("reverse", 1),
			optest.IntAttr("exclusive", 1)}, []float32{6, 4, 0}},
	} {
		for _, axis := range []*op.Tensor{optest.IntTensor(0), shapedInts([]int{}, -1)} {
			expectNode(t, name, optest.Case{Op: "CumSum", Opset: 14, Inputs: []*op.Tensor{x, axis},
				Attrs: c.attrs}, floatTensor([]int{3}, c.want...))
		}
		for seed := range uint64(10) {
			d := newDraw(seed)
			shape := d.shape(d.between(1, 4))
			given, _ := d.axis(len(shape))
			checkLinear(t, optest.Case{Op: "CumSum", Opset: 11,
				Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...), optest.IntTensor(given)}, Attrs: c.attrs,
				Wrt: []int{0}})
		}
	}
	bytes := &op.Tensor{Type: onnx.Uint8, Shape: []int{2}, I: []int64{200, 100}}
	expectNode(t, "wraps", optest.Case{Op: "CumSum", Opset: 14, Inputs: []*op.Tensor{bytes, optest.IntTensor(0)}},
		&op.Tensor{Type: onnx.Uint8, Shape: []int{2}, I: []int64{200, 44}})
	expectError(t, "axis",
		optest.Case{Op: "CumSum", Opset: 14, Inputs: []*op.Tensor{x, optest.IntTensor(1)}}, op.ErrShape)
	expectError(t, "axes",
		optest.Case{Op: "CumSum", Opset: 14, Inputs: []*op.Tensor{x, optest.IntTensor(0, 0)}}, op.ErrShape)
}

func TestTrilu(t *testing.T) {
	x := counting(2, 3)
	for k, want := range map[int64][2][]float32{ // upper, lower
		-1:        {{1, 2, 3, 4, 5, 6}, {0, 0, 0, 4, 0, 0}},
		0:         {{1, 2, 3, 0, 5, 6}, {1, 0, 0, 4, 5, 0}},
		1:         {{0, 2, 3, 0, 0, 6}, {1, 2, 0, 4, 5, 6}},
		1<<63 - 1: {{0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6}},
		-1 << 63:  {{1, 2, 3, 4, 5, 6}, {0, 0, 0, 0, 0, 0}},
	} {
		for i, upper := range []int64{1, 0} {
			expectNode(t, "trilu", optest.Case{Op: "Trilu", Opset: 14, Inputs: []*op.Tensor{x, shapedInts([]int{}, k)},
				Attrs: optest.Attrs{optest.IntAttr("upper", upper)}},
				floatTensor([]int{2, 3}, want[i]...))
			checkLinear(t,
				optest.Case{Op: "Trilu", Opset: 14, Attrs: optest.Attrs{optest.IntAttr("upper", upper)}, Wrt: []int{0},
					Inputs: []*op.Tensor{optest.RandomTensor(3, 2, 4, 3), optest.IntTensor(k)}})
		}
	}
	expectNode(t, "no rows",
		optest.Case{Op: "Trilu", Opset: 14, Inputs: []*op.Tensor{floatTensor([]int{0, 3})}}, floatTensor([]int{0, 3}))
	expectError(t, "vector", optest.Case{Op: "Trilu", Opset: 14, Inputs: []*op.Tensor{counting(3)}}, op.ErrShape)
}

func TestReverseSequence(t *testing.T) {
	x := counting(3, 2)
	time1 := optest.Attrs{optest.IntAttr("batch_axis", 0), optest.IntAttr("time_axis", 1)}
	for _, hide := range [][]int{nil, {1}} {
		got, err := runNode(optest.Case{Op: "ReverseSequence", Opset: 10,
			Inputs: []*op.Tensor{x, optest.IntTensor(3, 2)}}, hide...)
		if err != nil || !slices.Equal(got[0].F, []float32{5, 4, 3, 2, 1, 6}) {
			t.Errorf("got %v and error %v", got, err)
		}
	}
	expectNode(t, "batch first",
		optest.Case{Op: "ReverseSequence", Opset: 10, Attrs: time1, Inputs: []*op.Tensor{x, optest.IntTensor(2, 1, 0)}},
		floatTensor([]int{3, 2}, 2, 1, 3, 4, 5, 6))
	checkLinear(t, optest.Case{Op: "ReverseSequence", Opset: 10,
		Inputs: []*op.Tensor{optest.RandomTensor(1, 4, 3, 2), optest.IntTensor(4, 1, 3)}, Wrt: []int{0}})
	expectError(t, "too long",
		optest.Case{Op: "ReverseSequence", Opset: 10, Inputs: []*op.Tensor{x, optest.IntTensor(4, 2)}}, op.ErrShape, 1)
	expectError(t, "negative",
		optest.Case{Op: "ReverseSequence", Opset: 10, Inputs: []*op.Tensor{x, optest.IntTensor(-1, 2)}}, op.ErrShape)
	expectError(t, "count",
		optest.Case{Op: "ReverseSequence", Opset: 10, Inputs: []*op.Tensor{x, optest.IntTensor(1)}}, op.ErrShape)
	expectError(t, "axes",
		optest.Case{Op: "ReverseSequence", Opset: 10, Attrs: optest.Attrs{optest.IntAttr("batch_axis", 0)},
			Inputs: []*op.Tensor{x, optest.IntTensor(1, 1, 1)}}, op.ErrShape)
}
