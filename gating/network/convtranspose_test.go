package network

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// transposeCase draws a transposed convolution at random.
func transposeCase(r *rand.Rand, axes int) (list attrs, x, w []int) {
	group, in, out := int64(1+r.IntN(3)), 1+r.IntN(2), 1+r.IntN(2)
	x = []int{1 + r.IntN(2), in * int(group)}
	w = []int{in * int(group), out}
	var strides, dilations, pads, extra, shape []int64
	for range axes {
		k, d, s := 1+r.IntN(3), 1+r.IntN(2), 1+r.IntN(3)
		reach := (k-1)*d + 1
		n := 1 + r.IntN(4)
		w, x = append(w, k), append(x, n)
		strides, dilations = append(strides, int64(s)), append(dilations, int64(d))
		extra = append(extra, int64(r.IntN(s)))
		pads = append(pads, int64(r.IntN((reach+1)/2)))
		shape = append(shape, int64(s*(n-1)+reach+r.IntN(s)))
	}
	list = attrs{intAttr("group", group), intsAttr("strides", strides...), intsAttr("dilations", dilations...)}
	switch r.IntN(4) {
	case 0:
		list = append(list, stringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, stringAttr("auto_pad", "SAME_LOWER"), intsAttr("output_padding", extra...))
	case 2:
		list = append(list, intsAttr("output_shape", shape...))
	default:
		list = append(list, intsAttr("pads", append(pads, pads...)...), intsAttr("output_padding", extra...))
	}
	return list, x, w
}

func TestConvTransposeGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 60 {
		list, x, w := transposeCase(r, 1+i%3)
		group := int(list[0].GetI())
		checkGradients(t, gradCase{op: "ConvTranspose", opset: 11, attrs: list, wrt: []int{0, 1, 2},
			inputs: []*op.Tensor{randomTensor(1, x...), randomTensor(2, w...), randomTensor(3, w[1]*group)}})
	}
}

func TestConvTransposeShapes(t *testing.T) {
	in := []*op.Tensor{randomTensor(1, 1, 1, 3, 3), randomTensor(1, 1, 2, 3, 3)}
	for _, c := range []struct {
		attrs attrs
		want  int
	}{
		{nil, 5},
		{attrs{intsAttr("strides", 2, 2)}, 7},
		{attrs{intsAttr("strides", 2, 2), intsAttr("output_padding", 1, 1)}, 8},
		{attrs{intsAttr("strides", 2, 2), intsAttr("pads", 1, 1, 1, 1)}, 5},
		{attrs{intsAttr("strides", 3, 3), intsAttr("output_shape", 10, 10)}, 10},
		{attrs{intsAttr("strides", 3, 3), intsAttr("output_shape", 1, 2, 8, 8)}, 8},
		{attrs{intsAttr("strides", 2, 2), stringAttr("auto_pad", "SAME_UPPER")}, 6},
		{attrs{intsAttr("dilations", 2, 2), stringAttr("auto_pad", "VALID")}, 7},
	} {
		_, _, outs := buildOne(t, gradCase{op: "ConvTranspose", opset: 11, attrs: c.attrs, inputs: in})
		if s := outs[0].Shape; s[1] != 2 || s[2] != c.want || s[3] != c.want {
			t.Errorf("%v: output %v, want 2 channels and %d", c.attrs, s, c.want)
		}
	}
}

func TestConvTransposeRefusals(t *testing.T) {
	x, w := randomTensor(1, 1, 2, 3, 3), randomTensor(2, 2, 1, 3, 3)
	checkRefusals(t, []refusal{
		{"ConvTranspose", 11, nil, []*op.Tensor{x, randomTensor(1, 3, 1, 3, 3)}, "2 input channels first"},
		{"ConvTranspose", 11, attrs{intsAttr("output_shape", 3)}, []*op.Tensor{x, w}, "output_shape is [3]"},
		{"ConvTranspose", 11, attrs{intsAttr("output_shape", 3, 0)}, []*op.Tensor{x, w}, "output_shape is [3 0]"},
		{"ConvTranspose", 11, attrs{intsAttr("pads", 3, 3, 3, 3)}, []*op.Tensor{x, w}, "leave nothing"},
		{"ConvTranspose", 11, attrs{intAttr("group", 4)}, []*op.Tensor{x, w}, "group is 4"},
		{"ConvTranspose", 11, nil, []*op.Tensor{randomTensor(1, 1, 2, 0, 3), w}, "no empty spatial axis"},
		{"ConvTranspose", 11, nil, []*op.Tensor{x, w, randomTensor(1, 2)}, "want [1]"},
	})
}
