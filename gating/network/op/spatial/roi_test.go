package spatial_test

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestRoiAlignGradients(t *testing.T) {
	x, boxes := optest.RandomTensor(1, 2, 2, 5, 6),
		optest.Floats([]int{3, 4}, 0, 0, 4.3, 3.1, 1.2, 0.7, 5.5, 4.9, -2, -3, 9, 8)
	for _, opset := range []int64{10, 16} {
		for _, mode := range []string{"avg", "max"} {
			for ratio := range int64(3) {
				optest.CheckGradients(t, optest.Case{Op: "RoiAlign", Opset: opset,
					Inputs: []*op.Tensor{x, boxes, optest.IntTensor(0, 1, 1)}, Wrt: []int{0}, Step: 1e-4, Tol: 2e-2,
					Attrs: optest.Attrs{optest.StringAttr("mode", mode), optest.IntAttr("sampling_ratio", ratio),
						optest.IntAttr("output_height", 2), optest.IntAttr("output_width", 3),
						optest.FloatAttr("spatial_scale", 0.8)}})
			}
		}
	}
}

func TestMaxRoiPool(t *testing.T) {
	x := optest.Floats([]int{1, 1, 3, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	boxes := optest.Floats([]int{2, 5}, 0, 0, 0, 3, 2, 0, 9, 9, 10, 10)
	c := optest.Case{Op: "MaxRoiPool", Opset: 1, Attrs: optest.Attrs{optest.IntsAttr("pooled_shape", 2, 2)},
		Inputs: []*op.Tensor{x, boxes}, Wrt: []int{0}, Step: 1e-3}
	optest.CheckGradients(t, c)
	operator, in, outs := optest.BuildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	if want := []float32{6, 8, 10, 12, 0, 0, 0, 0}; !slices.Equal(outs[0].F, want) {
		t.Errorf("got %v, want %v", outs[0].F, want)
	}
}

func TestRoiErrors(t *testing.T) {
	x := optest.RandomTensor(1, 1, 1, 3, 3)
	for _, c := range []optest.Case{
		{Op: "RoiAlign", Opset: 16,
			Inputs: []*op.Tensor{x, optest.Floats([]int{1, 4}, 0, 0, 1, 1), optest.IntTensor(1)}},
		{Op: "RoiAlign", Opset: 16,
			Inputs: []*op.Tensor{x, optest.Floats([]int{1, 4}, 0, 0, 1e9, 1), optest.IntTensor(0)}},
		{Op: "MaxRoiPool", Opset: 1, Attrs: optest.Attrs{optest.IntsAttr("pooled_shape", 1, 1)},
			Inputs: []*op.Tensor{x, optest.Floats([]int{1, 5}, 3, 0, 0, 1, 1)}},
	} {
		operator, in, outs := optest.BuildOne(t, c)
		if err := operator.Forward(&op.Context{}, in, outs); err == nil {
			t.Errorf("%s of %v gave no error", c.Op, in[1].F)
		}
	}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "RoiAlign", Opset: 16, Attrs: nil,
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 2, 5), optest.IntTensor(0, 0)}, Says: "boxes of 4 numbers"},
		{Op: "RoiAlign", Opset: 16, Attrs: optest.Attrs{optest.StringAttr("mode", "sum")},
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 1, 4), optest.IntTensor(0)}, Says: "mode"},
		{Op: "RoiAlign", Opset: 16, Attrs: optest.Attrs{optest.IntAttr("output_height", 0)},
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 1, 4), optest.IntTensor(0)}, Says: "output is 0"},
		{Op: "MaxRoiPool", Opset: 1, Attrs: nil,
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 1, 5)}, Says: "pooled_shape is missing"},
	})
}
