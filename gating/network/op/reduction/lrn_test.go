package reduction_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestLRNGradients(t *testing.T) {
	for _, size := range []int64{1, 2, 3, 5, 20} {
		for _, x := range [][]int{{2, 7, 3}, {1, 3, 2, 2}, {3, 1}, {2, 6, 1}} {
			optest.CheckGradients(t,
				optest.Case{Op: "LRN", Opset: 13,
					Attrs: optest.Attrs{optest.IntAttr("size", size), optest.FloatAttr("alpha", 0.9),
						optest.FloatAttr("beta", 0.6), optest.FloatAttr("bias", 1.5)},
					Inputs: []*op.Tensor{optest.RandomTensor(1, x...)}, Wrt: []int{0}})
		}
	}
}

func TestAxisNormGradients(t *testing.T) {
	for _, x := range [][]int{{5}, {3, 5}, {2, 3, 4}, {2, 3, 2, 3}} {
		for axis := range x {
			for p := int64(1); p < 3; p++ {
				optest.CheckGradients(t, optest.Case{Op: "LpNormalization", Opset: 1,
					Attrs:  optest.Attrs{optest.IntAttr("axis", int64(axis)), optest.IntAttr("p", p)},
					Inputs: []*op.Tensor{optest.RandomTensor(4, x...)}, Wrt: []int{0}, Step: 1e-3, Tol: 5e-3})
			}
		}
	}
	for _, axes := range [][]int64{{0, 2, 3}, {1}, {-1, 1}, {0, 1, 2, 3}} {
		optest.CheckGradients(t, optest.Case{Op: "MeanVarianceNormalization", Opset: 13,
			Attrs:  optest.Attrs{optest.IntsAttr("axes", axes...)},
			Inputs: []*op.Tensor{optest.RandomTensor(4, 3, 2, 3, 4)}, Wrt: []int{0}, Step: 1e-3, Tol: 5e-3})
	}
}

func TestAxisNormRefusals(t *testing.T) {
	x := []*op.Tensor{optest.RandomTensor(1, 2, 3)}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "LRN", Opset: 13, Attrs: nil, Inputs: x, Says: "size is 0"},
		{Op: "LpNormalization", Opset: 1, Attrs: optest.Attrs{optest.IntAttr("p", 3)}, Inputs: x, Says: "p is 3"},
		{Op: "LpNormalization", Opset: 1, Attrs: optest.Attrs{optest.IntAttr("axis", 2)}, Inputs: x, Says: "axis 2"},
		{Op: "MeanVarianceNormalization", Opset: 13, Attrs: nil, Inputs: x, Says: "axis 2"},
	})
}
