package element_test

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// castOne runs Cast on one element. Conversions that change nothing are views, which the builder answers without an
// operator.
func castOne(t *testing.T, from, to onnx.DataType, in *op.Tensor, list ...optest.Attrs) *op.Tensor {
	t.Helper()
	all := optest.Attrs{optest.IntAttr("to", int64(to))}
	for _, l := range list {
		all = append(all, l...)
	}
	in.Type = from
	operator, inputs, out := optest.BuildOne(t,
		optest.Case{Op: "Cast", Opset: 24, Attrs: all, Inputs: []*op.Tensor{in}})
	if err := operator.Forward(&op.Context{}, inputs, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func TestCastToIntegers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := []float32{1.9, -1.9, 0, 300, -0.5, nan, inf, 3e9}
	for to, want := range map[onnx.DataType][]int64{
		onnx.Int8:   {1, -1, 0, 44, 0, 0, 0, 0},
		onnx.Uint8:  {1, 255, 0, 44, 0, 0, 0, 0},
		onnx.Int32:  {1, -1, 0, 300, 0, math.MinInt32, math.MinInt32, math.MinInt32},
		onnx.Int64:  {1, -1, 0, 300, 0, math.MinInt64, math.MinInt64, 3e9},
		onnx.Uint32: {1, 1<<32 - 1, 0, 300, 0, 0, 0, 3e9},
		onnx.Int4:   {1, -1, 0, -4, 0, 0, 0, 0},
		onnx.Bool:   {1, 1, 0, 1, 1, 1, 1, 1},
	} {
		got := castOne(t, onnx.Float32, to, &op.Tensor{Shape: []int{len(x)}, F: x})
		for i, w := range want {
			if got.I[i] != w {
				t.Errorf("%g to %s is %d, want %d", x[i], to, got.I[i], w)
			}
		}
	}
	if got := castOne(t, onnx.Float32, onnx.Uint64,
		&op.Tensor{Shape: []int{1}, F: []float32{1 << 63}}); uint64(got.I[0]) != 1<<63 {
		t.Errorf("2^63 to uint64 is %d", uint64(got.I[0]))
	}
}

func TestCastFromIntegers(t *testing.T) {
	if got := castOne(t, onnx.Uint64, onnx.Float32, &op.Tensor{Shape: []int{1}, I: []int64{-1}}); got.F[0] != 1<<64 {
		t.Errorf("the greatest uint64 is %g as a float", got.F[0])
	}
	if got := castOne(t, onnx.Int64, onnx.Float16,
		&op.Tensor{Shape: []int{2}, I: []int64{2049, 70000}}); got.F[0] != 2048 || !math.IsInf(float64(got.F[1]), 1) {
		t.Errorf("2049 and 70000 are %v as float16, want 2048 and infinity", got.F)
	}
	if got := castOne(t, onnx.Int32, onnx.Bool, &op.Tensor{Shape: []int{2}, I: []int64{-5, 0}}); got.I[0] != 1 ||
		got.I[1] != 0 {
		t.Errorf("-5 and 0 are %v as bool", got.I)
	}
	if got := castOne(t, onnx.Int64, onnx.Uint4, &op.Tensor{Shape: []int{1}, I: []int64{-1}}); got.I[0] != 15 {
		t.Errorf("-1 is %d as uint4, want 15", got.I[0])
	}
}

func TestCastGradients(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3)
	operator, in, out := optest.BuildOne(t,
		optest.Case{Op: "Cast", Opset: 13,
			Attrs: optest.Attrs{optest.IntAttr("to", int64(onnx.Float16))}, Inputs: []*op.Tensor{x}})
	dy, dx := optest.RandomTensor(2, 2, 3), op.NewTensor(x.Spec())
	if err := operator.(op.Differentiable).Backward(&op.Context{}, 0, 0, in, out, dy, dx); err != nil {
		t.Fatal(err)
	}
	for i, v := range dx.F {
		if v != dy.F[i] {
			t.Errorf("element %d: gradient %g, want %g passed on", i, v, dy.F[i])
		}
	}
}

func TestDropoutMask(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3)
	for _, c := range []struct {
		opset int64
		dt    onnx.DataType
	}{{7, onnx.Float32}, {13, onnx.Bool}} {
		operator, in, out := optest.BuildOne(t,
			optest.Case{Op: "Dropout", Opset: c.opset, Inputs: []*op.Tensor{x}, Outputs: 2})
		if err := operator.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		if out[1].Type != c.dt {
			t.Errorf("opset %d: the mask is %s, want %s", c.opset, out[1].Type, c.dt)
		}
		for i, v := range x.F {
			one := c.dt == onnx.Bool && out[1].I[i] == 1 || c.dt == onnx.Float32 && out[1].F[i] == 1
			if out[0].F[i] != v || !one {
				t.Errorf("opset %d: element %d is %g of %g, its mask kept %v", c.opset, i, out[0].F[i], v, one)
			}
		}
	}
	optest.CheckGradients(t, optest.Case{Op: "Dropout", Opset: 13, Inputs: []*op.Tensor{x}, Outputs: 2, Wrt: []int{0}})
}

func TestClipBoundsAsInputs(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{6}, F: []float32{-2, -0.8, -0.3, 0.2, 0.7, 3}}
	low, high := &op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{-0.5}},
		&op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{0.5}}
	optest.CheckGradients(t,
		optest.Case{Op: "Clip", Opset: 13, Inputs: []*op.Tensor{x, low, high}, Wrt: []int{0, 1, 2}})
	optest.CheckGradients(t, optest.Case{Op: "Clip", Opset: 13, Inputs: []*op.Tensor{x, nil, high}, Wrt: []int{0, 2}})
	n := &op.Tensor{Type: onnx.Int8, Shape: []int{3}, I: []int64{-5, 0, 5}}
	bound := &op.Tensor{Type: onnx.Int8, Shape: []int{}, I: []int64{2}}
	optest.CheckInts(t,
		optest.Case{Op: "Clip", Opset: 13, Inputs: []*op.Tensor{n, nil, bound}}, onnx.Int8, []int64{-5, 0, 2})
	optest.CheckInts(t, optest.Case{Op: "Clip", Opset: 13, Inputs: []*op.Tensor{n, bound}}, onnx.Int8, []int64{2, 2, 5})
}

func TestQuantizeAndBack(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 4}, F: []float32{0.5, 1.5, -3, 300, 1, 2, -7, 0}}
	scale := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{1, 2, 0.5, 1}}
	zero := &op.Tensor{Type: onnx.Uint8, Shape: []int{2, 2}, I: []int64{3, 0, 0, 10}}
	c := optest.Case{Op: "QuantizeLinear", Opset: 21,
		Attrs:  optest.Attrs{optest.IntAttr("axis", 1), optest.IntAttr("block_size", 2)},
		Inputs: []*op.Tensor{x, scale, zero}}
	optest.CheckInts(t, c, onnx.Uint8, []int64{3, 5, 0, 150, 2, 4, 3, 10})
	q := &op.Tensor{Type: onnx.Uint8, Shape: []int{2, 4}, I: []int64{3, 5, 0, 150, 2, 4, 3, 10}}
	operator, in, out := optest.BuildOne(t,
		optest.Case{Op: "DequantizeLinear", Opset: 21, Attrs: c.Attrs, Inputs: []*op.Tensor{q, scale, zero}})
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 2, 0, 300, 1, 2, -7, 0} {
		if out[0].F[i] != want {
			t.Errorf("element %d comes back as %g, want %g", i, out[0].F[i], want)
		}
	}
}
