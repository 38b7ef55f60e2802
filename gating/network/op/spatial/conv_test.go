package spatial_test

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestConvGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		list, x, w := optest.ConvCase(r, 1+i%3)
		optest.CheckGradients(t, optest.Case{Op: "Conv", Opset: 11, Attrs: list, Wrt: []int{0, 1, 2},
			Inputs: []*op.Tensor{optest.RandomTensor(1, x...),
				optest.RandomTensor(2, w...), optest.RandomTensor(3, w[0])}})
	}
}

func TestConvRefusals(t *testing.T) {
	x, w := optest.RandomTensor(1, 1, 4, 5, 5), optest.RandomTensor(2, 2, 4, 3, 3)
	in := []*op.Tensor{x, w}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Conv", Opset: 11, Attrs: nil, Inputs: []*op.Tensor{x}, Says: "input 1 is missing"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("group", 3)}, Inputs: in,
			Says: "divides 4 input and 2 output channels"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("group", 0)}, Inputs: in, Says: "group is 0"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("group", 2)},
			Inputs: in, Says: "in each of 2 groups"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("strides", 0, 1)},
			Inputs: in, Says: "strides is [0 1]"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("strides", 1)}, Inputs: in, Says: "want 2 numbers"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("dilations", 1, -1)},
			Inputs: in, Says: "dilations is [1 -1]"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("dilations", 1, 3)}, Inputs: in,
			Says: "larger than the padded input"},
		{Op: "Conv", Opset: 11,
			Attrs: optest.Attrs{optest.IntsAttr("pads", 0, 0, 1<<40, 0)}, Inputs: in, Says: "pads is"},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 3, 2)},
			Inputs: in, Says: "kernel_shape is [3 2]"},
		{Op: "Conv", Opset: 11,
			Attrs: optest.Attrs{optest.StringAttr("auto_pad", "SOME")}, Inputs: in, Says: "auto_pad"},
		{Op: "Conv", Opset: 11, Attrs: nil, Inputs: []*op.Tensor{x, w, optest.RandomTensor(1, 3)}, Says: "want [2]"},
		{Op: "Conv", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 2, 4, 3)}, Says: "the rank of the input"},
		{Op: "Conv", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 2, 4, 0, 3)}, Says: "kernel"},
		{Op: "Conv", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 4), optest.RandomTensor(1, 2, 4)}, Says: "spatial axis"},
		{Op: "Conv", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 1, 1, 1, 1, 1), optest.RandomTensor(1, 1, 1, 1, 1, 1, 1)},
			Says:   "more than three"},
	})
}
