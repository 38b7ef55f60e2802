package network

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// poolCase draws the window of a pool at random.
func poolCase(r *rand.Rand, axes int) (list attrs, x []int) {
	x = []int{1 + r.IntN(2), 1 + r.IntN(3)}
	var size, strides, dilations, begin, end []int64
	for range axes {
		k, d := int64(1+r.IntN(3)), int64(1+r.IntN(2))
		size, dilations, strides = append(size, k), append(dilations, d), append(strides, int64(1+r.IntN(3)))
		x = append(x, int((k-1)*d+1)+r.IntN(4))
		begin, end = append(begin, int64(r.IntN(int(k)))), append(end, int64(r.IntN(int(k))))
	}
	list = attrs{intsAttr("kernel_shape", size...), intsAttr("strides", strides...),
		intsAttr("dilations", dilations...), intAttr("ceil_mode", int64(r.IntN(2)))}
	switch r.IntN(4) {
	case 0:
		list = append(list, stringAttr("auto_pad", "SAME_UPPER"))
	case 1:
		list = append(list, stringAttr("auto_pad", "SAME_LOWER"))
	default:
		list = append(list, intsAttr("pads", append(begin, end...)...))
	}
	return list, x
}

func TestPoolGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		list, x := poolCase(r, 1+i%3)
		checkGradients(t, gradCase{op: "MaxPool", opset: 12, attrs: list, inputs: []*op.Tensor{randomTensor(5, x...)},
			wrt: []int{0}, step: 1e-4, tol: 1e-2})
		include := append(attrs{intAttr("count_include_pad", int64(i%2))}, list...)
		checkGradients(t, gradCase{op: "AveragePool", opset: 19, attrs: include,
			inputs: []*op.Tensor{randomTensor(5, x...)}, wrt: []int{0}})
	}
}

func TestGlobalPoolGradients(t *testing.T) {
	for _, x := range [][]int{{2, 3, 5}, {1, 2, 3, 4}, {2, 1, 1, 1}, {1, 3, 2, 2, 3}} {
		checkGradients(t,
			gradCase{op: "GlobalAveragePool", opset: 1, inputs: []*op.Tensor{randomTensor(5, x...)}, wrt: []int{0}})
	}
}

func TestPoolRefusals(t *testing.T) {
	in := []*op.Tensor{randomTensor(1, 1, 2, 3, 3)}
	checkRefusals(t, []refusal{
		{"MaxPool", 12, nil, in, "kernel_shape is missing"},
		{"MaxPool", 12, attrs{intsAttr("kernel_shape", 2)}, in, "want 2 numbers"},
		{"MaxPool", 12, attrs{intsAttr("kernel_shape", 2)}, []*op.Tensor{intTensor(1)}, "8-bit integers"},
		{"MaxPool", 12, attrs{intsAttr("kernel_shape", 0, 2)}, in, "kernel_shape is [0 2]"},
		{"MaxPool", 12, attrs{intsAttr("kernel_shape", 1<<27, 1<<27)}, in, "want at most"},
		{"AveragePool", 12, attrs{intsAttr("kernel_shape", 4, 2)}, in, "larger than the padded input"},
		{"AveragePool", 12, attrs{intsAttr("kernel_shape", 1, 2), intsAttr("pads", 0, 0, 0, -1)}, in, "pads is"},
		{"GlobalAveragePool", 1, nil, []*op.Tensor{randomTensor(1, 2)}, "batch and channels"},
		{"GlobalAveragePool", 1, nil, []*op.Tensor{randomTensor(1, 1, 2, 0)}, "no empty spatial axis"},
		{"GlobalAveragePool", 1, nil, []*op.Tensor{intTensor(1)}, "want floats"},
	})
}

// TestPoolSteppingOver: with SAME and strides that step over elements, ONNX cuts the input at both ends:
// of 4 elements in steps of 4 the one kept is the second.
func TestPoolSteppingOver(t *testing.T) {
	x := floatsTensor([]int{1, 1, 4}, 9, 5, 7, 8)
	for _, operator := range []string{"MaxPool", "AveragePool"} {
		c := gradCase{op: operator, opset: 19, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("kernel_shape", 1), intsAttr("strides", 4), stringAttr("auto_pad", "SAME_UPPER")}}
		o, in, outs := buildOne(t, c)
		if err := o.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if len(outs[0].F) != 1 || outs[0].F[0] != 5 {
			t.Errorf("%s: got %v, want [5]", operator, outs[0].F)
		}
	}
}
