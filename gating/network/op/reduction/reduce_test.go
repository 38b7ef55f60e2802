package reduction_test

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestReduceGradients(t *testing.T) {
	for _, e := range optest.Reductions() {
		for _, c := range []struct {
			shape []int
			axes  []int64
		}{
			{[]int{3, 5}, []int64{1}}, {[]int{3, 5}, []int64{0}}, {[]int{3, 5}, nil}, {[]int{2, 3, 4}, []int64{1}},
			{[]int{2, 3, 4}, []int64{-3, -1}},
			{[]int{2, 3, 2, 2}, []int64{2, 3}}, {[]int{2, 3, 2, 2, 2}, []int64{0, 2, 4}}, {[]int{1, 1}, []int64{0}},
			{[]int{}, nil}, {[]int{2, 1, 3}, []int64{1}},
		} {
			x := optest.RandomTensor(7, c.shape...)
			if e.Name == "ReduceLogSum" {
				optest.Positive(x)
			}
			step := 1e-3
			g := optest.Case{Op: e.Name, Opset: 13, Inputs: []*op.Tensor{x}, Wrt: []int{0}, Step: step, Tol: 1e-2}
			if e.Name == "ReduceSum" {
				g.Inputs = append(g.Inputs, nil)
				if c.axes != nil {
					g.Inputs[1] = optest.IntTensor(c.axes...)
				}
			} else if c.axes != nil {
				g.Attrs = optest.Attrs{optest.IntsAttr("axes", c.axes...)}
			}
			optest.CheckGradients(t, g)
		}
	}
}

// TestReduceGradientCorners: ties share the gradient, as PyTorch's amax has it; products with zeros do not divide by
// them.
func TestReduceGradientCorners(t *testing.T) {
	for _, c := range []struct {
		op       string
		in, want []float32
	}{
		{"ReduceMax", []float32{1, 3, 3, 2}, []float32{0, 0.5, 0.5, 0}},
		{"ReduceMin", []float32{1, 1, 1, 1}, []float32{0.25, 0.25, 0.25, 0.25}},
		{"ReduceProd", []float32{2, 0, 3}, []float32{0, 6, 0}},
		{"ReduceProd", []float32{0, 0, 3}, []float32{0, 0, 0}},
		{"ReduceProd", []float32{2, 5, -3}, []float32{-15, -6, 10}},
		{"ReduceL2", []float32{0, 0}, []float32{0, 0}},
		{"ReduceL1", []float32{-2, 0, 3}, []float32{-1, 0, 1}},
	} {
		got := optest.BackwardOf(t,
			optest.Case{Op: c.op, Opset: 13,
				Inputs: []*op.Tensor{{Type: onnx.Float32, Shape: []int{len(c.in)}, F: c.in}}})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: gradient at %v is %v, want %v", c.op, c.in, got, c.want)
		}
	}
}

func TestReduceInts(t *testing.T) {
	for _, c := range []struct {
		op    string
		dtype onnx.DataType
		in    []int64
		want  int64
	}{
		{"ReduceSum", onnx.Int32, []int64{1 << 30, 1 << 30}, -1 << 31},
		{"ReduceMean", onnx.Int64, []int64{1, 2, 4}, 2},
		{"ReduceMax", onnx.Int8, nil, -128},
		{"ReduceMin", onnx.Uint8, nil, 255},
		{"ReduceMax", onnx.Bool, []int64{0, 1}, 1},
		{"ReduceMin", onnx.Bool, []int64{0, 1}, 0},
		{"ReduceProd", onnx.Int64, []int64{3, -4}, -12},
		{"ReduceL1", onnx.Int32, []int64{3, -4}, 7},
		{"ReduceL2", onnx.Int32, []int64{3, -4}, 5},
		{"ReduceSumSquare", onnx.Int32, []int64{3, -4}, 25},
		{"ReduceLogSum", onnx.Int32, []int64{10, 20}, 3},
		{"ReduceLogSumExp", onnx.Int32, []int64{10, 10}, 10},
	} {
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: c.op, Opset: 20, Inputs: []*op.Tensor{{Type: c.dtype, Shape: []int{len(c.in)}, I: c.in}}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if outs[0].I[0] != c.want || outs[0].Type != c.dtype {
			t.Errorf("%s of %s %v is %v, want %d", c.op, c.dtype, c.in, outs[0].I, c.want)
		}
	}
}

func TestReduceRefusals(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3)
	unknown := optest.RandomTensor(1, 1)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "ReduceMean", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("axes", 2)},
			Inputs: []*op.Tensor{x}, Says: "axis 2"},
		{Op: "ReduceMean", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("axes", 1, -1)},
			Inputs: []*op.Tensor{x}, Says: "given twice"},
		{Op: "ReduceMean", Opset: 18, Attrs: nil, Inputs: []*op.Tensor{x, unknown}, Says: "input 1"},
	})
}

// TestReduceNoAxes: without axes everything is folded, or with noop_with_empty_axes each element by itself.
func TestReduceNoAxes(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{2}, F: []float32{-3, 4}}
	for _, c := range []struct {
		op   string
		noop int64
		want []float32
	}{
		{"ReduceL1", 0, []float32{7}}, {"ReduceL1", 1, []float32{3, 4}}, {"ReduceSumSquare", 1, []float32{9, 16}},
		{"ReduceSum", 1, []float32{-3, 4}},
	} {
		operator, in, outs := optest.BuildOne(t, optest.Case{Op: c.op, Opset: 18,
			Attrs:  optest.Attrs{optest.IntAttr("noop_with_empty_axes", c.noop), optest.IntAttr("keepdims", 1)},
			Inputs: []*op.Tensor{x}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(outs[0].F, c.want) {
			t.Errorf("%s with noop %d: %v, want %v", c.op, c.noop, outs[0].F, c.want)
		}
	}
}
