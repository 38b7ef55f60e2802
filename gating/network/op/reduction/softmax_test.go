package reduction_test

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestSoftmaxGradients(t *testing.T) {
	for _, operator := range []string{"Softmax", "LogSoftmax"} {
		for _, opset := range []int64{1, 11, 13} {
			for _, x := range [][]int{{7}, {3, 5}, {2, 3, 19}, {2, 3, 5, 4}, {1, 1}, {2, 0, 3}} {
				for axis := -len(x); axis < len(x); axis++ {
					optest.CheckGradients(t, optest.Case{Op: operator, Opset: opset,
						Attrs:  optest.Attrs{optest.IntAttr("axis", int64(axis))},
						Inputs: []*op.Tensor{optest.RandomTensor(1, x...)}, Wrt: []int{0}})
				}
			}
		}
	}
}

func TestSoftmaxExtremes(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct{ in, want []float32 }{
		{[]float32{1000, 1000}, []float32{0.5, 0.5}},
		{[]float32{-1e30, 0}, []float32{0, 1}},
		{[]float32{-inf, 3}, []float32{0, 1}},
		{[]float32{3e38, -3e38}, []float32{1, 0}},
	} {
		operator, in, outs := optest.BuildOne(t,
			optest.Case{Op: "Softmax", Opset: 13, Inputs: []*op.Tensor{{Type: 1, Shape: []int{2}, F: c.in}}})
		if err := operator.Forward(&op.Context{}, in, outs); err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			if outs[0].F[i] != w {
				t.Errorf("softmax of %v is %v, want %v", c.in, outs[0].F, c.want)
			}
		}
	}
}

func TestNormAxis(t *testing.T) {
	for _, c := range []struct {
		opset, axis int64
		shape       []int
		want        int
	}{
		{13, -1, []int{2, 3, 4}, 2}, {13, 1, []int{2, 3, 4}, 1}, {11, 1, []int{2, 3}, 1}, {11, 1, []int{2, 3, 4}, -1},
		{11, 1, []int{2, 3, 1, 1}, 1}, {11, -1, []int{2, 3, 4}, 2},
	} {
		op, _, _ := optest.BuildOne(t,
			optest.Case{Op: "LogSoftmax", Opset: c.opset, Attrs: optest.Attrs{optest.IntAttr("axis", c.axis)},
				Inputs: []*op.Tensor{optest.RandomTensor(1, c.shape...)}})
		if got := op.(interface{ NormAxis() int }).NormAxis(); got != c.want {
			t.Errorf("opset %d, axis %d of %v: normalised along %d, want %d", c.opset, c.axis, c.shape, got, c.want)
		}
	}
}

func TestSoftmaxRefusals(t *testing.T) {
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Softmax", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("axis", 2)},
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3)}, Says: "axis 2"},
		{Op: "Softmax", Opset: 11, Attrs: optest.Attrs{optest.IntAttr("axis", 3)},
			Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 3)}, Says: "axis 3"},
		{Op: "LogSoftmax", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{optest.IntTensor(1)}, Says: "want floats"},
		{Op: "LogSoftmax", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{optest.RandomTensor(1)}, Says: "axis -1"},
	})
}
