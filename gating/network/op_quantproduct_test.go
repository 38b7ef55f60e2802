package network

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

func bytesTensor(r *rand.Rand, dt onnx.DataType, shape ...int) *Tensor {
	t := NewTensor(Spec{dt, shape})
	low, high := intRange(dt)
	for i := range t.I {
		t.I[i] = low + r.Int64N(high-low+1)
	}
	return t
}

// TestConvIntegerAgainstFloats: without zero points small integers convolve as floats do.
func TestConvIntegerAgainstFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 30 {
		list, xs, ws := convCase(r, 1+i%3)
		x, w := bytesTensor(r, onnx.Int8, xs...), bytesTensor(r, onnx.Uint8, ws...)
		op, in, outs := buildOne(t, gradCase{op: "ConvInteger", opset: 10, attrs: list, inputs: []*Tensor{x, w}})
		fx, fw := randomTensor(1, xs...), randomTensor(1, ws...)
		toFloats(&fx.F, x.I)
		toFloats(&fw.F, w.I)
		float, fin, fouts := buildOne(t, gradCase{op: "Conv", opset: 11, attrs: list, inputs: []*Tensor{fx, fw}})
		if err := op.Forward(&Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if err := float.Forward(&Context{}, fin, fouts); err != nil {
			t.Fatal(err)
		}
		for j, v := range outs[0].I {
			if float32(v) != fouts[0].F[j] {
				t.Fatalf("%v: element %d is %d, want %g", list, j, v, fouts[0].F[j])
			}
		}
	}
}

func TestMatMulIntegerZeroPoints(t *testing.T) {
	int8s := func(shape []int, v ...int64) *Tensor { return &Tensor{Type: onnx.Int8, Shape: shape, I: v} }
	a, b := int8s([]int{2, 2}, 1, 2, 3, 4), int8s([]int{2, 2}, 5, 6, 7, 8)
	for _, c := range []struct {
		za, zb *Tensor
		want   []int64
	}{
		{nil, nil, []int64{19, 22, 43, 50}},
		{int8s([]int{}, 1), nil, []int64{7, 8, 31, 36}},
		{int8s([]int{2}, 1, 3), nil, []int64{7, 8, 7, 8}},
		{nil, int8s([]int{2}, 5, 8), []int64{4, -2, 8, -6}},
	} {
		op, in, outs := buildOne(t, gradCase{op: "MatMulInteger", opset: 10, inputs: []*Tensor{a, b, c.za, c.zb}})
		if err := op.Forward(&Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outs[0].I, c.want) || outs[0].Type != onnx.Int32 {
			t.Errorf("zero points %v and %v: got %v, want %v", c.za, c.zb, outs[0].I, c.want)
		}
	}
}

func TestQuantProductRefusals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	b := bytesTensor(r, onnx.Int8, 2, 2)
	one := randomTensor(1, 1)
	checkRefusals(t, []refusal{
		{"MatMulInteger", 10, nil, []*Tensor{b, randomTensor(1, 2, 2)}, "no integer"},
		{"MatMulInteger", 10, nil, []*Tensor{b, bytesTensor(r, onnx.Int8, 3, 2)}, "differ"},
		{"MatMulInteger", 10, nil, []*Tensor{b, b, bytesTensor(r, onnx.Int8, 3)}, "want one number or 2"},
		{"QLinearMatMul", 21, nil, []*Tensor{b, one, b, b, one, b, one}, "input 7 is missing"},
		{"ConvInteger", 10, nil, []*Tensor{b, b}, "spatial axis"},
	})
}
