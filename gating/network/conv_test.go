package network

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// convCase draws a convolution at random: one to three axes, odd sizes, groups, dilations, uneven pads.
func convCase(r *rand.Rand, axes int) (list attrs, x, w []int) {
	group, in, out := int64(1+r.IntN(3)), 1+r.IntN(2), 1+r.IntN(2)
	x = []int{1 + r.IntN(2), in * int(group)}
	w = []int{out * int(group), in}
	var strides, dilations, pads []int64
	for range axes {
		k, d := 1+r.IntN(3), 1+r.IntN(2)
		w = append(w, k)
		x = append(x, (k-1)*d+1+r.IntN(4))
		strides, dilations = append(strides, int64(1+r.IntN(3))), append(dilations, int64(d))
		pads = append(pads, int64(r.IntN(3)), int64(r.IntN(3)))
	}
	list = attrs{intAttr("group", group), intsAttr("strides", strides...), intsAttr("dilations", dilations...)}
	switch r.IntN(4) {
	case 0:
		list = append(list, stringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, stringAttr("auto_pad", "SAME_LOWER"))
	default:
		list = append(list, intsAttr("pads", pads...))
	}
	return list, x, w
}

func TestConvGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		list, x, w := convCase(r, 1+i%3)
		checkGradients(t, gradCase{op: "Conv", opset: 11, attrs: list, wrt: []int{0, 1, 2},
			inputs: []*op.Tensor{randomTensor(1, x...), randomTensor(2, w...), randomTensor(3, w[0])}})
	}
}

func TestConvRefusals(t *testing.T) {
	x, w := randomTensor(1, 1, 4, 5, 5), randomTensor(2, 2, 4, 3, 3)
	in := []*op.Tensor{x, w}
	checkRefusals(t, []refusal{
		{"Conv", 11, nil, []*op.Tensor{x}, "input 1 is missing"},
		{"Conv", 11, attrs{intAttr("group", 3)}, in, "divides 4 input and 2 output channels"},
		{"Conv", 11, attrs{intAttr("group", 0)}, in, "group is 0"},
		{"Conv", 11, attrs{intAttr("group", 2)}, in, "in each of 2 groups"},
		{"Conv", 11, attrs{intsAttr("strides", 0, 1)}, in, "strides is [0 1]"},
		{"Conv", 11, attrs{intsAttr("strides", 1)}, in, "want 2 numbers"},
		{"Conv", 11, attrs{intsAttr("dilations", 1, -1)}, in, "dilations is [1 -1]"},
		{"Conv", 11, attrs{intsAttr("dilations", 1, 3)}, in, "larger than the padded input"},
		{"Conv", 11, attrs{intsAttr("pads", 0, 0, 1<<40, 0)}, in, "pads is"},
		{"Conv", 11, attrs{intsAttr("kernel_shape", 3, 2)}, in, "kernel_shape is [3 2]"},
		{"Conv", 11, attrs{stringAttr("auto_pad", "SOME")}, in, "auto_pad"},
		{"Conv", 11, nil, []*op.Tensor{x, w, randomTensor(1, 3)}, "want [2]"},
		{"Conv", 11, nil, []*op.Tensor{x, randomTensor(1, 2, 4, 3)}, "the rank of the input"},
		{"Conv", 11, nil, []*op.Tensor{x, randomTensor(1, 2, 4, 0, 3)}, "kernel"},
		{"Conv", 11, nil, []*op.Tensor{randomTensor(1, 2, 4), randomTensor(1, 2, 4)}, "spatial axis"},
		{"Conv", 11, nil,
			[]*op.Tensor{randomTensor(1, 1, 1, 1, 1, 1, 1), randomTensor(1, 1, 1, 1, 1, 1, 1)}, "more than three"},
	})
}
