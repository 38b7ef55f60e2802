package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

func TestFusedGradients(t *testing.T) {
	x, w, b, z := randomTensor(1, 2, 3, 5, 4), randomTensor(2, 4, 3, 3, 3), randomTensor(3, 4),
		randomTensor(4, 2, 4, 3, 2)
	for _, a := range []struct {
		name string
		attr attrs
	}{{"Relu", nil}, {"Tanh", nil}, {"Sigmoid", nil}, {"LeakyRelu", attrs{floatAttr("activation_alpha", 0.3)}},
		{"HardSigmoid", nil}, {"Clip", nil}, {"", nil}} {
		list := append(attrs{stringAttr("activation", a.name)}, a.attr...)
		for _, in := range [][]*op.Tensor{{x, w}, {x, w, b}, {x, w, b, z}, {x, w, nil, z}} {
			c := gradCase{domain: "com.microsoft", op: "FusedConv", opset: 1, attrs: list,
				inputs: in, step: 1e-4, tol: 2e-2}
			for i, v := range in {
				if v != nil {
					c.wrt = append(c.wrt, i)
				}
			}
			checkGradients(t, c)
		}
		checkGradients(t,
			gradCase{domain: "com.microsoft", op: "FusedGemm", opset: 1, attrs: list, step: 1e-4, tol: 2e-2,
				inputs: []*op.Tensor{randomTensor(5, 3, 4), randomTensor(6, 4, 5), randomTensor(7, 5)},
				wrt:    []int{0, 1, 2}})
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
		list := attrs{intAttr("transA", int64(mask&1)), intAttr("transB", int64(mask>>1)), floatAttr("alpha", 0.25)}
		for _, in := range [][2][]int{{a, b}, {a, b[1:]}, {a[1:], b}, {a[1:], b[1:]}} {
			checkGradients(t,
				gradCase{domain: "com.microsoft", op: "FusedMatMul", opset: 1, attrs: list, wrt: []int{0, 1},
					inputs: []*op.Tensor{randomTensor(1, in[0]...), randomTensor(2, in[1]...)}})
		}
	}
}

func TestSkipNormGradients(t *testing.T) {
	x, gamma, beta, bias := randomTensor(1, 2, 3, 5), randomTensor(2, 5), randomTensor(3, 5), randomTensor(4, 5)
	for _, skip := range []*op.Tensor{randomTensor(5, 2, 3, 5), randomTensor(5, 1, 3, 5), randomTensor(5, 3, 5)} {
		c := gradCase{domain: "com.microsoft", op: "SkipLayerNormalization", opset: 1,
			attrs:  attrs{floatAttr("epsilon", 0.1)},
			inputs: []*op.Tensor{x, skip, gamma, beta, bias}, wrt: []int{0, 1, 2, 3, 4}}
		checkGradients(t, c)
		c.inputs, c.wrt = []*op.Tensor{x, skip, gamma}, []int{0, 1, 2}
		checkGradients(t, c)
		c.op = "SkipSimplifiedLayerNormalization"
		checkGradients(t, c)
		c.inputs, c.wrt = []*op.Tensor{x, skip, gamma, bias}, []int{0, 1, 2, 3}
		checkGradients(t, c)
	}
}

// TestSkipNormSum: the fourth output is the sum, and its gradient goes straight to the addends.
func TestSkipNormSum(t *testing.T) {
	x, skip := randomTensor(1, 2, 5), randomTensor(2, 2, 5)
	operator, in, outs := buildOne(t, gradCase{domain: "com.microsoft", op: "SkipLayerNormalization", opset: 1,
		inputs: []*op.Tensor{x, skip, randomTensor(3, 5)}, outputs: 4})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	dy, dx := randomTensor(9, 2, 5), op.NewTensor(x.Spec())
	if err := operator.(op.Differentiable).Backward(&op.Context{}, 1, 3, in, outs, dy, dx); err != nil {
		t.Fatal(err)
	}
	for i := range x.F {
		if outs[3].F[i] != x.F[i]+skip.F[i] || dx.F[i] != dy.F[i] {
			t.Fatalf("element %d: sum %g, gradient %g", i, outs[3].F[i], dx.F[i])
		}
	}
}
