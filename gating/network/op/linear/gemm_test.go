package linear_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestGemmGradients(t *testing.T) {
	for _, shape := range [][]int{nil, {}, {1}, {5}, {1, 5}, {4, 1}, {4, 5}, {1, 1}} {
		for mask := range 4 {
			a, b := []int{4, 3}, []int{3, 5}
			var list optest.Attrs
			if mask&1 != 0 {
				a = []int{3, 4}
				list = append(list, optest.IntAttr("transA", 1))
			}
			if mask&2 != 0 {
				b = []int{5, 3}
				list = append(list, optest.IntAttr("transB", 1))
			}
			c := optest.Case{Op: "Gemm", Opset: 13,
				Attrs:  append(list, optest.FloatAttr("alpha", 0.5), optest.FloatAttr("beta", -1.5)),
				Inputs: []*op.Tensor{optest.RandomTensor(1, a...), optest.RandomTensor(2, b...)}, Wrt: []int{0, 1}}
			if shape != nil {
				c.Inputs = append(c.Inputs, optest.RandomTensor(3, shape...))
				c.Wrt = append(c.Wrt, 2)
			}
			optest.CheckGradients(t, c)
		}
	}
}

func TestGemmEmpty(t *testing.T) {
	for _, dims := range [][3]int{{0, 3, 5}, {4, 0, 5}, {4, 3, 0}} {
		optest.CheckGradients(t, optest.Case{Op: "Gemm", Opset: 13, Wrt: []int{0, 1, 2},
			Inputs: []*op.Tensor{optest.RandomTensor(1, dims[0], dims[1]),
				optest.RandomTensor(2, dims[1], dims[2]), optest.RandomTensor(3, dims[2])}})
	}
}

func TestGemmRefusals(t *testing.T) {
	m := optest.RandomTensor(1, 2, 3)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Gemm", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{m}, Says: "input 1 is missing"},
		{Op: "Gemm", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{m, m}, Says: "inner dimensions 3 and 2 differ"},
		{Op: "Gemm", Opset: 13, Attrs: nil,
			Inputs: []*op.Tensor{m, optest.RandomTensor(1, 3)}, Says: "want two matrices"},
		{Op: "Gemm", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("transB", 1)},
			Inputs: []*op.Tensor{m, m, optest.RandomTensor(1, 3)}, Says: "broadcasts to [2 2]"},
		{Op: "Gemm", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("transB", 1)},
			Inputs: []*op.Tensor{m, m, optest.RandomTensor(1, 1, 2, 2)}, Says: "broadcasts to [2 2]"},
		{Op: "Gemm", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{m, optest.IntTensor(1)}, Says: "want floats"},
		{Op: "MatMul", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{m, m}, Says: "inner dimensions 3 and 2 differ"},
		{Op: "MatMul", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{optest.RandomTensor(1, 2, 2, 3),
			optest.RandomTensor(1, 3, 3, 2)}, Says: "do not broadcast"},
		{Op: "MatMul", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{m, optest.RandomTensor(1)}, Says: "no scalars"},
	})
}

func TestMatMulGradients(t *testing.T) {
	for _, s := range [][2][]int{
		{{4, 3}, {3, 5}}, {{3}, {3, 5}}, {{4, 3}, {3}}, {{3}, {3}}, {{2, 4, 3}, {3}}, {{3}, {2, 3, 5}},
		{{2, 4, 3}, {3, 5}}, {{2, 2, 4, 3}, {3, 5}}, {{4, 3}, {2, 3, 5}}, {{2, 4, 3}, {2, 3, 5}},
		{{2, 1, 4, 3}, {1, 3, 3, 5}}, {{2, 3, 4, 3}, {3, 3, 5}}, {{2, 3, 4, 3}, {2, 1, 3, 5}},
		{{1, 3, 1, 4, 3}, {2, 1, 2, 3, 5}},
		{{2, 1, 3, 1, 2}, {2, 4, 1, 2, 3}}, {{1, 1}, {1, 1}}, {{2, 0, 3}, {3, 4}}, {{1, 2, 0}, {3, 0, 2}},
		{{0, 2, 3}, {1, 3, 2}},
	} {
		optest.CheckGradients(t, optest.Case{Op: "MatMul", Opset: 13, Wrt: []int{0, 1},
			Inputs: []*op.Tensor{optest.RandomTensor(1, s[0]...), optest.RandomTensor(2, s[1]...)}})
	}
}
