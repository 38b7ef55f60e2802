package fused_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestFusedGradients(t *testing.T) {
	x, w, b, z := optest.RandomTensor(1, 2, 3, 5, 4), optest.RandomTensor(2, 4, 3, 3, 3), optest.RandomTensor(3, 4),
		optest.RandomTensor(4, 2, 4, 3, 2)
	for _, a := range []struct {
		name string
		attr optest.Attrs
	}{{"Relu", nil}, {"Tanh", nil}, {"Sigmoid", nil},
		{"LeakyRelu", optest.Attrs{optest.FloatAttr("activation_alpha", 0.3)}},
		{"HardSigmoid", nil}, {"Clip", nil}, {"", nil}} {
		list := append(optest.Attrs{optest.StringAttr("activation", a.name)}, a.attr...)
		for _, in := range [][]*op.Tensor{{x, w}, {x, w, b}, {x, w, b, z}, {x, w, nil, z}} {
			c := optest.Case{Domain: "com.microsoft", Op: "FusedConv", Opset: 1, Attrs: list,
				Inputs: in, Step: 1e-4, Tol: 2e-2}
			for i, v := range in {
				if v != nil {
					c.Wrt = append(c.Wrt, i)
				}
			}
			optest.CheckGradients(t, c)
		}
		optest.CheckGradients(t,
			optest.Case{Domain: "com.microsoft", Op: "FusedGemm", Opset: 1, Attrs: list, Step: 1e-4, Tol: 2e-2,
				Inputs: []*op.Tensor{optest.RandomTensor(5, 3, 4),
					optest.RandomTensor(6, 4, 5), optest.RandomTensor(7, 5)},
				Wrt: []int{0, 1, 2}})
	}
}

func TestFusedMatMulGradients(t *testing.T) {
	for mask := range 4 {
		a, b := []int{2, 3, 4}, []int{2, 4, 5}
		if mask&1 != 0 {
			a = []int{2, 4, 3}
		}
		if mask&2 != 0 {
			b = []int{2, 5, 4}
		}
		list := optest.Attrs{optest.IntAttr("transA", int64(mask&1)),
			optest.IntAttr("transB", int64(mask>>1)), optest.FloatAttr("alpha", 0.25)}
		for _, in := range [][2][]int{{a, b}, {a, b[1:]}, {a[1:], b}, {a[1:], b[1:]}} {
			optest.CheckGradients(t,
				optest.Case{Domain: "com.microsoft", Op: "FusedMatMul", Opset: 1, Attrs: list, Wrt: []int{0, 1},
					Inputs: []*op.Tensor{optest.RandomTensor(1, in[0]...), optest.RandomTensor(2, in[1]...)}})
		}
	}
}

func TestSkipNormGradients(t *testing.T) {
	x, gamma, beta, bias := optest.RandomTensor(1, 2, 3, 5), optest.RandomTensor(2, 5), optest.RandomTensor(3, 5),
		optest.RandomTensor(4, 5)
	for _, skip := range []*op.Tensor{optest.RandomTensor(5, 2, 3, 5),
		optest.RandomTensor(5, 1, 3, 5), optest.RandomTensor(5, 3, 5)} {
		c := optest.Case{Domain: "com.microsoft", Op: "SkipLayerNormalization", Opset: 1,
			Attrs:  optest.Attrs{optest.FloatAttr("epsilon", 0.1)},
			Inputs: []*op.Tensor{x, skip, gamma, beta, bias}, Wrt: []int{0, 1, 2, 3, 4}}
		optest.CheckGradients(t, c)
		c.Inputs, c.Wrt = []*op.Tensor{x, skip, gamma}, []int{0, 1, 2}
		optest.CheckGradients(t, c)
		c.Op = "SkipSimplifiedLayerNormalization"
		optest.CheckGradients(t, c)
		c.Inputs, c.Wrt = []*op.Tensor{x, skip, gamma, bias}, []int{0, 1, 2, 3}
		optest.CheckGradients(t, c)
	}
}

// TestSkipNormSum: the fourth output is the sum, and its gradient goes straight to the addends.
func TestSkipNormSum(t *testing.T) {
	x, skip := optest.RandomTensor(1, 2, 5), optest.RandomTensor(2, 2, 5)
	operator, in, outs := optest.BuildOne(t,
		optest.Case{Domain: "com.microsoft", Op: "SkipLayerNormalization", Opset: 1,
			Inputs: []*op.Tensor{x, skip, optest.RandomTensor(3, 5)}, Outputs: 4})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	dy, dx := optest.RandomTensor(9, 2, 5), op.NewTensor(x.Spec())
	if err := operator.(op.Differentiable).Backward(&op.Context{}, 1, 3, in, outs, dy, dx); err != nil {
		t.Fatal(err)
	}
	for i := range x.F {
		if outs[3].F[i] != x.F[i]+skip.F[i] || dx.F[i] != dy.F[i] {
			t.Fatalf("element %d: sum %g, gradient %g", i, outs[3].F[i], dx.F[i])
		}
	}
}
