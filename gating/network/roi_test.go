package network

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func floatsTensor(shape []int, v ...float32) *op.Tensor {
	return &op.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

func TestRoiAlignGradients(t *testing.T) {
	x, boxes := randomTensor(1, 2, 2, 5, 6), floatsTensor([]int{3, 4}, 0, 0, 4.3, 3.1, 1.2, 0.7, 5.5, 4.9, -2, -3, 9, 8)
	for _, opset := range []int64{10, 16} {
		for _, mode := range []string{"avg", "max"} {
			for ratio := range int64(3) {
				checkGradients(t, gradCase{op: "RoiAlign", opset: opset,
					inputs: []*op.Tensor{x, boxes, intTensor(0, 1, 1)}, wrt: []int{0}, step: 1e-4, tol: 2e-2,
					attrs: attrs{stringAttr("mode", mode), intAttr("sampling_ratio", ratio),
						intAttr("output_height", 2), intAttr("output_width", 3), floatAttr("spatial_scale", 0.8)}})
			}
		}
	}
}

func TestMaxRoiPool(t *testing.T) {
	x := floatsTensor([]int{1, 1, 3, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	boxes := floatsTensor([]int{2, 5}, 0, 0, 0, 3, 2, 0, 9, 9, 10, 10)
	c := gradCase{op: "MaxRoiPool", opset: 1, attrs: attrs{intsAttr("pooled_shape", 2, 2)},
		inputs: []*op.Tensor{x, boxes}, wrt: []int{0}, step: 1e-3}
	checkGradients(t, c)
	operator, in, outs := buildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	if want := []float32{6, 8, 10, 12, 0, 0, 0, 0}; !slices.Equal(outs[0].F, want) {
		t.Errorf("got %v, want %v", outs[0].F, want)
	}
}

func TestRoiErrors(t *testing.T) {
	x := randomTensor(1, 1, 1, 3, 3)
	for _, c := range []gradCase{
		{op: "RoiAlign", opset: 16, inputs: []*op.Tensor{x, floatsTensor([]int{1, 4}, 0, 0, 1, 1), intTensor(1)}},
		{op: "RoiAlign", opset: 16, inputs: []*op.Tensor{x, floatsTensor([]int{1, 4}, 0, 0, 1e9, 1), intTensor(0)}},
		{op: "MaxRoiPool", opset: 1, attrs: attrs{intsAttr("pooled_shape", 1, 1)},
			inputs: []*op.Tensor{x, floatsTensor([]int{1, 5}, 3, 0, 0, 1, 1)}},
	} {
		operator, in, outs := buildOne(t, c)
		if err := operator.Forward(&op.Context{}, in, outs); err == nil {
			t.Errorf("%s of %v gave no error", c.op, in[1].F)
		}
	}
	checkRefusals(t, []refusal{
		{"RoiAlign", 16, nil, []*op.Tensor{x, randomTensor(1, 2, 5), intTensor(0, 0)}, "boxes of 4 numbers"},
		{"RoiAlign", 16, attrs{stringAttr("mode", "sum")},
			[]*op.Tensor{x, randomTensor(1, 1, 4), intTensor(0)}, "mode"},
		{"RoiAlign", 16, attrs{intAttr("output_height", 0)},
			[]*op.Tensor{x, randomTensor(1, 1, 4), intTensor(0)}, "output is 0"},
		{"MaxRoiPool", 1, nil, []*op.Tensor{x, randomTensor(1, 1, 5)}, "pooled_shape is missing"},
	})
}
