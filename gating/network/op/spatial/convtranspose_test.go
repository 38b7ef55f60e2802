package spatial_test

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestConvTransposeGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 60 {
		list, x, w := optest.TransposeCase(r, 1+i%3)
		group := int(list[0].GetI())
		optest.CheckGradients(t, optest.Case{Op: "ConvTranspose", Opset: 11, Attrs: list, Wrt: []int{0, 1, 2},
			Inputs: []*op.Tensor{optest.RandomTensor(1, x...), optest.RandomTensor(2, w...),
				optest.RandomTensor(3, w[1]*group)}})
	}
}

func TestConvTransposeShapes(t *testing.T) {
	in := []*op.Tensor{optest.RandomTensor(1, 1, 1, 3, 3), optest.RandomTensor(1, 1, 2, 3, 3)}
	for _, c := range []struct {
		attrs optest.Attrs
		want  int
	}{
		{nil, 5},
		{optest.Attrs{optest.IntsAttr("strides", 2, 2)}, 7},
		{optest.Attrs{optest.IntsAttr("strides", 2, 2), optest.IntsAttr("output_padding", 1, 1)}, 8},
		{optest.Attrs{optest.IntsAttr("strides", 2, 2), optest.IntsAttr("pads", 1, 1, 1, 1)}, 5},
		{optest.Attrs{optest.IntsAttr("strides", 3, 3), optest.IntsAttr("output_shape", 10, 10)}, 10},
		{optest.Attrs{optest.IntsAttr("strides", 3, 3), optest.IntsAttr("output_shape", 1, 2, 8, 8)}, 8},
		{optest.Attrs{optest.IntsAttr("strides", 2, 2), optest.StringAttr("auto_pad", "SAME_UPPER")}, 6},
		{optest.Attrs{optest.IntsAttr("dilations", 2, 2), optest.StringAttr("auto_pad", "VALID")}, 7},
	} {
		_, _, outs := optest.BuildOne(t, optest.Case{Op: "ConvTranspose", Opset: 11, Attrs: c.attrs, Inputs: in})
		if s := outs[0].Shape; s[1] != 2 || s[2] != c.want || s[3] != c.want {
			t.Errorf("%v: output %v, want 2 channels and %d", c.attrs, s, c.want)
		}
	}
}

func TestConvTransposeRefusals(t *testing.T) {
	x, w := optest.RandomTensor(1, 1, 2, 3, 3), optest.RandomTensor(2, 2, 1, 3, 3)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "ConvTranspose", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{x, optest.RandomTensor(1, 3, 1, 3, 3)}, Says: "2 input channels first"},
		{Op: "ConvTranspose", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("output_shape", 3)},
			Inputs: []*op.Tensor{x, w}, Says: "output_shape is [3]"},
		{Op: "ConvTranspose", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("output_shape", 3, 0)},
			Inputs: []*op.Tensor{x, w}, Says: "output_shape is [3 0]"},
		{Op: "ConvTranspose", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("pads", 3, 3, 3, 3)},
			Inputs: []*op.Tensor{x, w}, Says: "leave nothing"},
		{Op: "ConvTranspose", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("group", 4)},
			Inputs: []*op.Tensor{x, w}, Says: "group is 4"},
		{Op: "ConvTranspose", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 0, 3), w}, Says: "no empty spatial axis"},
		{Op: "ConvTranspose", Opset: 11, Attrs: nil,
			Inputs: []*op.Tensor{x, w, optest.RandomTensor(1, 2)}, Says: "want [1]"},
	})
}
