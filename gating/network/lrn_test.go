package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestLRNGradients(t *testing.T) {
	for _, size := range []int64{1, 2, 3, 5, 20} {
		for _, x := range [][]int{{2, 7, 3}, {1, 3, 2, 2}, {3, 1}, {2, 6, 1}} {
			checkGradients(t,
				gradCase{op: "LRN", opset: 13, attrs: attrs{intAttr("size", size), floatAttr("alpha", 0.9),
					floatAttr("beta", 0.6), floatAttr("bias", 1.5)},
					inputs: []*op.Tensor{randomTensor(1, x...)}, wrt: []int{0}})
		}
	}
}

func TestAxisNormGradients(t *testing.T) {
	for _, x := range [][]int{{5}, {3, 5}, {2, 3, 4}, {2, 3, 2, 3}} {
		for axis := range x {
			for p := int64(1); p < 3; p++ {
				checkGradients(t, gradCase{op: "LpNormalization", opset: 1,
					attrs:  attrs{intAttr("axis", int64(axis)), intAttr("p", p)},
					inputs: []*op.Tensor{randomTensor(4, x...)}, wrt: []int{0}, step: 1e-3, tol: 5e-3})
			}
		}
	}
	for _, axes := range [][]int64{{0, 2, 3}, {1}, {-1, 1}, {0, 1, 2, 3}} {
		checkGradients(t, gradCase{op: "MeanVarianceNormalization", opset: 13, attrs: attrs{intsAttr("axes", axes...)},
			inputs: []*op.Tensor{randomTensor(4, 3, 2, 3, 4)}, wrt: []int{0}, step: 1e-3, tol: 5e-3})
	}
}

func TestAxisNormRefusals(t *testing.T) {
	x := []*op.Tensor{randomTensor(1, 2, 3)}
	checkRefusals(t, []refusal{
		{"LRN", 13, nil, x, "size is 0"},
		{"LpNormalization", 1, attrs{intAttr("p", 3)}, x, "p is 3"},
		{"LpNormalization", 1, attrs{intAttr("axis", 2)}, x, "axis 2"},
		{"MeanVarianceNormalization", 13, nil, x, "axis 2"},
	})
}
