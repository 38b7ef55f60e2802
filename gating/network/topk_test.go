package network

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

var nan = float32(math.NaN())

func TestTopK(t *testing.T) {
	x := floatTensor([]int{2, 4}, 3, 1, 3, 2, 4, 5, 6, 7)
	k := func(v ...int64) []*op.Tensor { return []*op.Tensor{x, intTensor(v...)} }
	expectNode(t, "largest", gradCase{op: "TopK", opset: 11, inputs: k(3)},
		floatTensor([]int{2, 3}, 3, 3, 2, 7, 6, 5), shapedInts([]int{2, 3}, 0, 2, 3, 3, 2, 1))
	expectNode(t, "smallest", gradCase{op: "TopK", opset: 11, inputs: k(2), attrs: attrs{intAttr("largest", 0)}},
		floatTensor([]int{2, 2}, 1, 2, 4, 5), shapedInts([]int{2, 2}, 1, 3, 0, 1))
	expectNode(t, "columns", gradCase{op: "TopK", opset: 10, inputs: k(1), attrs: attrs{intAttr("axis", 0)}},
		floatTensor([]int{1, 4}, 4, 5, 6, 7), shapedInts([]int{1, 4}, 1, 1, 1, 1))
	expectNode(t, "opset 1", gradCase{op: "TopK", opset: 1, inputs: []*op.Tensor{x}, attrs: attrs{intAttr("k", 1)}},
		floatTensor([]int{2, 1}, 3, 7), shapedInts([]int{2, 1}, 0, 3))
	expectNode(t, "none", gradCase{op: "TopK", opset: 11, inputs: k(0)},
		floatTensor([]int{2, 0}), shapedInts([]int{2, 0}))
	expectNode(t, "integers", gradCase{op: "TopK", opset: 11,
		inputs: []*op.Tensor{intTensor(1, 9, 5), intTensor(2)}}, intTensor(9, 5), intTensor(1, 2))
	expectNode(t, "nan",
		gradCase{op: "TopK", opset: 11, inputs: []*op.Tensor{floatTensor([]int{3}, 1, nan, 2), intTensor(2)}},
		floatTensor([]int{2}, nan, 2), intTensor(1, 2))
	expectError(t, "k too large", gradCase{op: "TopK", opset: 11, inputs: k(5), outputs: 2}, op.ErrShape)
	expectError(t, "k negative", gradCase{op: "TopK", opset: 11, inputs: k(-1), outputs: 2}, op.ErrShape)
	expectError(t, "two k", gradCase{op: "TopK", opset: 11, inputs: k(1, 1), outputs: 2}, op.ErrShape)
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
		checkGradients(t, gradCase{op: "TopK", opset: 11, outputs: 2, wrt: []int{0},
			attrs:  attrs{intAttr("axis", given), intAttr("largest", int64(d.IntN(2)))},
			inputs: []*op.Tensor{x, intTensor(int64(d.IntN(shape[axis] + 1)))}})
	}
}

func TestArgMaxAndArgMin(t *testing.T) {
	x := floatTensor([]int{2, 3}, 2, 2, 1, 0, nan, nan)
	last, flat := intAttr("select_last_index", 1), intAttr("keepdims", 0)
	expectNode(t, "first", gradCase{op: "ArgMax", opset: 13, inputs: []*op.Tensor{x},
		attrs: attrs{intAttr("axis", 1), flat}}, intTensor(0, 1))
	expectNode(t, "last", gradCase{op: "ArgMax", opset: 13, inputs: []*op.Tensor{x},
		attrs: attrs{intAttr("axis", -1), last}}, shapedInts([]int{2, 1}, 1, 1))
	expectNode(t, "smallest",
		gradCase{op: "ArgMin", opset: 1, inputs: []*op.Tensor{counting(2, 2)}}, shapedInts([]int{1, 2}, 0, 0))
	expectNode(t, "integers",
		gradCase{op: "ArgMin", opset: 13, inputs: []*op.Tensor{intTensor(3, 1, 1)}, attrs: attrs{last}}, intTensor(2))
	expectNode(t, "no lanes", gradCase{op: "ArgMax", opset: 13,
		inputs: []*op.Tensor{floatTensor([]int{2, 0})}, attrs: attrs{flat}}, intTensor())
	expectError(t, "empty lanes",
		gradCase{op: "ArgMax", opset: 13, inputs: []*op.Tensor{floatTensor([]int{0, 2})}}, op.ErrShape)
	expectError(t, "scalar",
		gradCase{op: "ArgMax", opset: 13, inputs: []*op.Tensor{floatTensor([]int{}, 1)}}, op.ErrShape)
}

func TestCumSum(t *testing.T) {
	x := floatTensor([]int{3}, 1, 2, 4)
	for name, c := range map[string]struct {
		attrs attrs
		want  []float32
	}{
		"plain":                 {nil, []float32{1, 3, 7}},
		"exclusive":             {attrs{intAttr("exclusive", 1)}, []float32{0, 1, 3}},
		"reverse":               {attrs{intAttr("reverse", 1)}, []float32{7, 6, 4}},
		"reverse and exclusive": {attrs{intAttr("reverse", 1), intAttr("exclusive", 1)}, []float32{6, 4, 0}},
	} {
		for _, axis := range []*op.Tensor{intTensor(0), shapedInts([]int{}, -1)} {
			expectNode(t, name, gradCase{op: "CumSum", opset: 14, inputs: []*op.Tensor{x, axis},
				attrs: c.attrs}, floatTensor([]int{3}, c.want...))
		}
		for seed := range uint64(10) {
			d := newDraw(seed)
			shape := d.shape(d.between(1, 4))
			given, _ := d.axis(len(shape))
			checkLinear(t, gradCase{op: "CumSum", opset: 11,
				inputs: []*op.Tensor{randomTensor(seed, shape...), intTensor(given)}, attrs: c.attrs, wrt: []int{0}})
		}
	}
	bytes := &op.Tensor{Type: onnx.Uint8, Shape: []int{2}, I: []int64{200, 100}}
	expectNode(t, "wraps", gradCase{op: "CumSum", opset: 14, inputs: []*op.Tensor{bytes, intTensor(0)}},
		&op.Tensor{Type: onnx.Uint8, Shape: []int{2}, I: []int64{200, 44}})
	expectError(t, "axis", gradCase{op: "CumSum", opset: 14, inputs: []*op.Tensor{x, intTensor(1)}}, op.ErrShape)
	expectError(t, "axes", gradCase{op: "CumSum", opset: 14, inputs: []*op.Tensor{x, intTensor(0, 0)}}, op.ErrShape)
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
			expectNode(t, "trilu", gradCase{op: "Trilu", opset: 14, inputs: []*op.Tensor{x, shapedInts([]int{}, k)},
				attrs: attrs{intAttr("upper", upper)}},
				floatTensor([]int{2, 3}, want[i]...))
			checkLinear(t, gradCase{op: "Trilu", opset: 14, attrs: attrs{intAttr("upper", upper)}, wrt: []int{0},
				inputs: []*op.Tensor{randomTensor(3, 2, 4, 3), intTensor(k)}})
		}
	}
	expectNode(t, "no rows",
		gradCase{op: "Trilu", opset: 14, inputs: []*op.Tensor{floatTensor([]int{0, 3})}}, floatTensor([]int{0, 3}))
	expectError(t, "vector", gradCase{op: "Trilu", opset: 14, inputs: []*op.Tensor{counting(3)}}, op.ErrShape)
}

func TestReverseSequence(t *testing.T) {
	x := counting(3, 2)
	time1 := attrs{intAttr("batch_axis", 0), intAttr("time_axis", 1)}
	for _, hide := range [][]int{nil, {1}} {
		got, err := runNode(gradCase{op: "ReverseSequence", opset: 10,
			inputs: []*op.Tensor{x, intTensor(3, 2)}}, hide...)
		if err != nil || !slices.Equal(got[0].F, []float32{5, 4, 3, 2, 1, 6}) {
			t.Errorf("got %v and error %v", got, err)
		}
	}
	expectNode(t, "batch first",
		gradCase{op: "ReverseSequence", opset: 10, attrs: time1, inputs: []*op.Tensor{x, intTensor(2, 1, 0)}},
		floatTensor([]int{3, 2}, 2, 1, 3, 4, 5, 6))
	checkLinear(t, gradCase{op: "ReverseSequence", opset: 10,
		inputs: []*op.Tensor{randomTensor(1, 4, 3, 2), intTensor(4, 1, 3)}, wrt: []int{0}})
	expectError(t, "too long",
		gradCase{op: "ReverseSequence", opset: 10, inputs: []*op.Tensor{x, intTensor(4, 2)}}, op.ErrShape, 1)
	expectError(t, "negative",
		gradCase{op: "ReverseSequence", opset: 10, inputs: []*op.Tensor{x, intTensor(-1, 2)}}, op.ErrShape)
	expectError(t, "count",
		gradCase{op: "ReverseSequence", opset: 10, inputs: []*op.Tensor{x, intTensor(1)}}, op.ErrShape)
	expectError(t, "axes", gradCase{op: "ReverseSequence", opset: 10, attrs: attrs{intAttr("batch_axis", 0)},
		inputs: []*op.Tensor{x, intTensor(1, 1, 1)}}, op.ErrShape)
}
