package network

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// TestLinearIndependentOfThreads: at sizes that are shared out, every forward pass and gradient of the families
// gives the same bits with one thread and with three.
func TestLinearIndependentOfThreads(t *testing.T) {
	workers := kernel.NewWorkers(3)
	defer workers.Close()
	r := func(shape ...int) *op.Tensor { return randomTensor(uint64(len(shape)+shape[0]), shape...) }
	image, flat := r(4, 16, 33, 31), r(300, 257)
	for _, c := range []gradCase{
		{op: "Gemm", opset: 13, inputs: []*op.Tensor{flat, r(257, 130), r(130)}, wrt: []int{0, 1, 2}},
		{op: "MatMul", opset: 13, inputs: []*op.Tensor{r(6, 70, 90), r(6, 90, 50)}, wrt: []int{0, 1}},
		{op: "MatMul", opset: 13, inputs: []*op.Tensor{r(6, 70, 90), r(90, 50)}, wrt: []int{0, 1}},
		{op: "MatMul", opset: 13, inputs: []*op.Tensor{r(70, 90), r(6, 90, 50)}, wrt: []int{0, 1}},
		{op: "Einsum", opset: 12, attrs: attrs{stringAttr("equation", "bqhd,bkhd->bhqk")},
			inputs: []*op.Tensor{r(2, 40, 4, 33), r(2, 50, 4, 33)}, wrt: []int{0, 1}},
		{op: "Conv", opset: 11, attrs: attrs{intsAttr("pads", 1, 1, 1, 1)},
			inputs: []*op.Tensor{image, r(24, 16, 3, 3), r(24)}, wrt: []int{0, 1, 2}},
		{op: "ConvTranspose", opset: 11, attrs: attrs{intsAttr("strides", 2, 2)},
			inputs: []*op.Tensor{image, r(16, 8, 3, 3), r(8)}, wrt: []int{0, 1, 2}},
		{op: "MaxPool", opset: 12, attrs: attrs{intsAttr("kernel_shape", 3, 3)},
			inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "AveragePool", opset: 12, attrs: attrs{intsAttr("kernel_shape", 3, 3)},
			inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "LpPool", opset: 18, attrs: attrs{intsAttr("kernel_shape", 3, 3)},
			inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "BatchNormalization", opset: 15, inputs: batchNormInputs(image.Shape...), wrt: []int{0, 1, 2, 3, 4}},
		{op: "BatchNormalization", opset: 15, attrs: attrs{intAttr("training_mode", 1)},
			inputs: batchNormInputs(image.Shape...), wrt: []int{0, 1, 2}},
		{op: "LayerNormalization", opset: 17, inputs: []*op.Tensor{flat, r(257), r(257)}, wrt: []int{0, 1, 2}},
		{op: "GroupNormalization", opset: 21, attrs: attrs{intAttr("num_groups", 4)},
			inputs: []*op.Tensor{image, r(16), r(16)}, wrt: []int{0, 1, 2}},
		{op: "LRN", opset: 13, attrs: attrs{intAttr("size", 5)}, inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "MeanVarianceNormalization", opset: 13, inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "Softmax", opset: 13, inputs: []*op.Tensor{flat}, wrt: []int{0}},
		{op: "LogSoftmax", opset: 13, attrs: attrs{intAttr("axis", 1)}, inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "ReduceMean", opset: 13, attrs: attrs{intsAttr("axes", 0, 2)}, inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "ReduceLogSumExp", opset: 13, inputs: []*op.Tensor{image}, wrt: []int{0}},
		{op: "ReduceMax", opset: 13, attrs: attrs{intsAttr("axes", 1)}, inputs: []*op.Tensor{image}, wrt: []int{0}},
	} {
		one, three := runWhole(t, c, nil), runWhole(t, c, workers)
		for i := range one {
			if !slices.EqualFunc(one[i], three[i],
				func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Errorf("%s %v: result %d depends on the number of threads", c.op, c.attrs, i)
			}
		}
	}
}

// runWhole returns the output and the gradients of a node.
func runWhole(t *testing.T, c gradCase, w *kernel.Workers) (results [][]float32) {
	t.Helper()
	operator, in, outs := buildOne(t, c)
	x := &op.Context{Workers: w, Step: 1}
	if err := operator.Forward(x, in, outs); err != nil {
		t.Fatal(err)
	}
	results = append(results, outs[0].F)
	dy := op.NewTensor(outs[0].Spec())
	fill(dy.F, 5)
	for _, i := range c.wrt {
		dx := op.NewTensor(in[i].Spec())
		if err := operator.(op.Differentiable).Backward(x, i, 0, in, outs, dy, dx); err != nil {
			t.Fatal(err)
		}
		results = append(results, dx.F)
	}
	return results
}
