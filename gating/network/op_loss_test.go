package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

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

func checkClassLoss(t *testing.T, op, reduction string, shape []int, weighted, ignores bool, outputs int) {
	labels := NewTensor(Spec{onnx.Int64, slices.Delete(slices.Clone(shape), 1, 2)})
	for i := range labels.I {
		labels.I[i] = int64(i*7+1) % int64(shape[1])
	}
	c := gradCase{op: op, opset: 13, wrt: []int{0}, outputs: outputs, inputs: []*Tensor{randomTensor(5, shape...), labels},
		attrs: []*onnxpb.AttributeProto{stringAttr("reduction", reduction)}}
	if weighted {
		w := randomTensor(6, shape[1])
		for i := range w.F {
			w.F[i] = w.F[i]*w.F[i] + 0.1
		}
		c.inputs = append(c.inputs, w)
	}
	if ignores {
		labels.I[len(labels.I)-1] = -100
		c.attrs = append(c.attrs, intAttr("ignore_index", -100))
	}
	checkGradients(t, c)
}

// TestClassLossLabels checks that a label out of range is an error and names it.
func TestClassLossLabels(t *testing.T) {
	for _, label := range []int64{-1, 3, 1 << 40} {
		op, in, out := buildOne(t, gradCase{op: "SoftmaxCrossEntropyLoss", opset: 13, inputs: []*Tensor{randomTensor(1, 1, 3), intTensor(label)}})
		if err := op.Forward(&Context{}, in, out); err == nil {
			t.Errorf("label %d of 3 classes passed", label)
		}
	}
}

// TestClassLossShapes checks that labels of another shape are refused.
func TestClassLossShapes(t *testing.T) {
	c := &call{node: &onnxpb.NodeProto{}, opset: 13, in: []*input{
		{Spec: Spec{onnx.Float32, []int{2, 3}}}, {Spec: Spec{onnx.Int64, []int{3}}},
	}}
	if _, _, err := buildClassLoss(true)(c); !errors.Is(err, ErrShape) {
		t.Errorf("got %v, want an error of kind ErrShape", err)
	}
}
