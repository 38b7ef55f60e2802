package spatial_test

import (
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestPoolGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		list, x := optest.PoolCase(r, 1+i%3)
		optest.CheckGradients(t,
			optest.Case{Op: "MaxPool", Opset: 12, Attrs: list, Inputs: []*op.Tensor{optest.RandomTensor(5, x...)},
				Wrt: []int{0}, Step: 1e-4, Tol: 1e-2})
		include := append(optest.Attrs{optest.IntAttr("count_include_pad", int64(i%2))}, list...)
		optest.CheckGradients(t, optest.Case{Op: "AveragePool", Opset: 19, Attrs: include,
			Inputs: []*op.Tensor{optest.RandomTensor(5, x...)}, Wrt: []int{0}})
	}
}

func TestGlobalPoolGradients(t *testing.T) {
	for _, x := range [][]int{{2, 3, 5}, {1, 2, 3, 4}, {2, 1, 1, 1}, {1, 3, 2, 2, 3}} {
		optest.CheckGradients(t,
			optest.Case{Op: "GlobalAveragePool", Opset: 1,
				Inputs: []*op.Tensor{optest.RandomTensor(5, x...)}, Wrt: []int{0}})
	}
}

func TestPoolRefusals(t *testing.T) {
	in := []*op.Tensor{optest.RandomTensor(1, 1, 2, 3, 3)}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "MaxPool", Opset: 12, Attrs: nil, Inputs: in, Says: "kernel_shape is missing"},
		{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2)},
			Inputs: in, Says: "want 2 numbers"},
		{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 2)},
			Inputs: []*op.Tensor{optest.IntTensor(1)}, Says: "8-bit integers"},
		{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 0, 2)},
			Inputs: in, Says: "kernel_shape is [0 2]"},
		{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 1<<27, 1<<27)},
			Inputs: in, Says: "want at most"},
		{Op: "AveragePool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 4, 2)}, Inputs: in,
			Says: "larger than the padded input"},
		{Op: "AveragePool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 1, 2),
			optest.IntsAttr("pads", 0, 0, 0, -1)}, Inputs: in, Says: "pads is"},
		{Op: "GlobalAveragePool", Opset: 1, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2)}, Says: "batch and channels"},
		{Op: "GlobalAveragePool", Opset: 1, Attrs: nil,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 2, 0)}, Says: "no empty spatial axis"},
		{Op: "GlobalAveragePool", Opset: 1, Attrs: nil, Inputs: []*op.Tensor{optest.IntTensor(1)}, Says: "want floats"},
	})
}

// TestPoolSteppingOver: with SAME and strides that step over elements, ONNX cuts the input at both ends:
// of 4 elements in steps of 4 the one kept is the second.
func TestPoolSteppingOver(t *testing.T) {
	x := optest.Floats([]int{1, 1, 4}, 9, 5, 7, 8)
	for _, operator := range []string{"MaxPool", "AveragePool"} {
		c := optest.Case{Op: operator, Opset: 19, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 1), optest.IntsAttr("strides", 4),
				optest.StringAttr("auto_pad", "SAME_UPPER")}}
		o, in, outs := optest.BuildOne(t, c)
		if err := o.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		if len(outs[0].F) != 1 || outs[0].F[0] != 5 {
			t.Errorf("%s: got %v, want [5]", operator, outs[0].F)
		}
	}
}
