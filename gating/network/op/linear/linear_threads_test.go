package linear_test

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

// TestLinearIndependentOfThreads: at sizes that are shared out, every forward pass and gradient of the families
// gives the same bits with one thread and with three.
func TestLinearIndependentOfThreads(t *testing.T) {
	workers := kernel.NewWorkers(3)
	defer workers.Close()
	r := func(shape ...int) *op.Tensor { return optest.RandomTensor(uint64(len(shape)+shape[0]), shape...) }
	image, flat := r(4, 16, 33, 31), r(300, 257)
	for _, c := range []optest.Case{
		{Op: "Gemm", Opset: 13, Inputs: []*op.Tensor{flat, r(257, 130), r(130)}, Wrt: []int{0, 1, 2}},
		{Op: "MatMul", Opset: 13, Inputs: []*op.Tensor{r(6, 70, 90), r(6, 90, 50)}, Wrt: []int{0, 1}},
		{Op: "MatMul", Opset: 13, Inputs: []*op.Tensor{r(6, 70, 90), r(90, 50)}, Wrt: []int{0, 1}},
		{Op: "MatMul", Opset: 13, Inputs: []*op.Tensor{r(70, 90), r(6, 90, 50)}, Wrt: []int{0, 1}},
		{Op: "Einsum", Opset: 12, Attrs: optest.Attrs{optest.StringAttr("equation", "bqhd,bkhd->bhqk")},
			Inputs: []*op.Tensor{r(2, 40, 4, 33), r(2, 50, 4, 33)}, Wrt: []int{0, 1}},
		{Op: "Conv", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("pads", 1, 1, 1, 1)},
			Inputs: []*op.Tensor{image, r(24, 16, 3, 3), r(24)}, Wrt: []int{0, 1, 2}},
		{Op: "ConvTranspose", Opset: 11, Attrs: optest.Attrs{optest.IntsAttr("strides", 2, 2)},
			Inputs: []*op.Tensor{image, r(16, 8, 3, 3), r(8)}, Wrt: []int{0, 1, 2}},
		{Op: "MaxPool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 3, 3)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "AveragePool", Opset: 12, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 3, 3)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "LpPool", Opset: 18, Attrs: optest.Attrs{optest.IntsAttr("kernel_shape", 3, 3)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "BatchNormalization", Opset: 15,
			Inputs: optest.BatchNormInputs(image.Shape...), Wrt: []int{0, 1, 2, 3, 4}},
		{Op: "BatchNormalization", Opset: 15, Attrs: optest.Attrs{optest.IntAttr("training_mode", 1)},
			Inputs: optest.BatchNormInputs(image.Shape...), Wrt: []int{0, 1, 2}},
		{Op: "LayerNormalization", Opset: 17, Inputs: []*op.Tensor{flat, r(257), r(257)}, Wrt: []int{0, 1, 2}},
		{Op: "GroupNormalization", Opset: 21, Attrs: optest.Attrs{optest.IntAttr("num_groups", 4)},
			Inputs: []*op.Tensor{image, r(16), r(16)}, Wrt: []int{0, 1, 2}},
		{Op: "LRN", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("size", 5)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "MeanVarianceNormalization", Opset: 13, Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "Softmax", Opset: 13, Inputs: []*op.Tensor{flat}, Wrt: []int{0}},
		{Op: "LogSoftmax", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", 1)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "ReduceMean", Opset: 13, Attrs: optest.Attrs{optest.IntsAttr("axes", 0, 2)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "ReduceLogSumExp", Opset: 13, Inputs: []*op.Tensor{image}, Wrt: []int{0}},
		{Op: "ReduceMax", Opset: 13, Attrs: optest.Attrs{optest.IntsAttr("axes", 1)},
			Inputs: []*op.Tensor{image}, Wrt: []int{0}},
	} {
		one, three := runWhole(t, c, nil), runWhole(t, c, workers)
		for i := range one {
			if !slices.EqualFunc(one[i], three[i],
				func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Errorf("%s %v: result %d depends on the number of threads", c.Op, c.Attrs, i)
			}
		}
	}
}

// runWhole returns the output and the gradients of a node.
func runWhole(t *testing.T, c optest.Case, w *kernel.Workers) (results [][]float32) {
	t.Helper()
	operator, in, outs := optest.BuildOne(t, c)
	x := &op.Context{Workers: w, Step: 1}
	if err := operator.Forward(x, in, outs); err != nil {
		t.Fatal(err)
	}
	results = append(results, outs[0].F)
	dy := op.NewTensor(outs[0].Spec())
	optest.Fill(dy.F, 5)
	for _, i := range c.Wrt {
		dx := op.NewTensor(in[i].Spec())
		if err := operator.(op.Differentiable).Backward(x, i, 0, in, outs, dy, dx); err != nil {
			t.Fatal(err)
		}
		results = append(results, dx.F)
	}
	return results
}
