package reduction_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// TestClassLossGradients holds both losses against differences, over random shapes and all forms.
func TestClassLossGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for i, op := range []string{"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"} {
		for _, reduction := range []string{"none", "sum", "mean"} {
			for form := range 4 {
				t.Run(fmt.Sprint(op, reduction, form), func(t *testing.T) {
					shape := []int{2 + r.IntN(4), 2 + r.IntN(5), 1 + r.IntN(3), 2}[:2+r.IntN(3)]
					checkClassLoss(t, op, reduction, shape, form&1 != 0, form&2 != 0, 1+i)
				})
			}
		}
	}
}

func checkClassLoss(t *testing.T, operator, reduction string, shape []int, weighted, ignores bool, outputs int) {
	labels := op.NewTensor(op.Spec{Type: onnx.Int64, Shape: slices.Delete(slices.Clone(shape), 1, 2)})
	for i := range labels.I {
		labels.I[i] = int64(i*7+1) % int64(shape[1])
	}
	c := optest.Case{Op: operator, Opset: 13, Wrt: []int{0}, Outputs: outputs,
		Inputs: []*op.Tensor{optest.RandomTensor(5, shape...), labels},
		Attrs:  []*onnxpb.AttributeProto{optest.StringAttr("reduction", reduction)}}
	if weighted {
		w := optest.RandomTensor(6, shape[1])
		for i := range w.F {
			w.F[i] = w.F[i]*w.F[i] + 0.1
		}
		c.Inputs = append(c.Inputs, w)
	}
	if ignores {
		labels.I[len(labels.I)-1] = -100
		c.Attrs = append(c.Attrs, optest.IntAttr("ignore_index", -100))
	}
	optest.CheckGradients(t, c)
}

// TestClassLossLabels checks that a label out of range is an error and names it.
func TestClassLossLabels(t *testing.T) {
	for _, label := range []int64{-1, 3, 1 << 40} {
		operator, in, out := optest.BuildOne(t, optest.Case{Op: "SoftmaxCrossEntropyLoss", Opset: 13,
			Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 3), optest.IntTensor(label)}})
		if err := operator.Forward(&op.Context{}, in, out); err == nil {
			t.Errorf("label %d of 3 classes passed", label)
		}
	}
}

// TestClassLossShapes checks that labels of another shape are refused.
func TestClassLossShapes(t *testing.T) {
	c := &op.Call{Node: &onnxpb.NodeProto{}, Opset: 13, In: []*op.Input{
		{Spec: op.Spec{Type: onnx.Float32, Shape: []int{2, 3}}}, {Spec: op.Spec{Type: onnx.Int64, Shape: []int{3}}},
	}}
	if _, _, err := optest.BuildAs(c, "SoftmaxCrossEntropyLoss"); !errors.Is(err, op.ErrShape) {
		t.Errorf("got %v, want an error of kind ErrShape", err)
	}
}
