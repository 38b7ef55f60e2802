package fused

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/linear"
	"github.com/softmerge/softmerge/gating/network/op/spatial"
)

// fusedOps are products followed by an activation, as ONNX Runtime's optimiser writes them.
var fusedOps = op.Family{
	op.WithGradient("com.microsoft.FusedConv", 1, buildFusedConv),
	op.WithGradient("com.microsoft.FusedGemm", 1, buildFusedGemm),
}

// fused is an operator, plus a residual input, followed by an activation whose slope follows from its value.
type fused struct {
	product  op.Differentiable
	residual int // input that is added before the activation, -1 for none
	value    func(x float32) float32
	slope    func(y float32) float32
	g        []float32
}

// activation returns the function of the given name and its slope as a function of its value.
func activation(c *op.Call, name string, params []float32) (value, slope func(float32) float32, err error) {
	param := func(i int, def float32) float32 {
		if i < len(params) {
			return params[i]
		}
		return def
	}
	inside := func(low, high, slope float32) func(float32) float32 {
		return func(y float32) float32 {
			if y > low && y < high {
				return slope
			}
			return 0
		}
	}
	inf := float32(math.Inf(1))
	switch name {
	case "":
		return func(x float32) float32 { return x }, func(float32) float32 { return 1 }, nil
	case "Relu":
		return func(x float32) float32 { return max(x, 0) }, inside(0, inf, 1), nil
	case "Tanh":
		return func(x float32) float32 { return float32(math.Tanh(float64(x))) },
			func(y float32) float32 { return 1 - y*y }, nil
	case "Sigmoid":
		return func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) },
			func(y float32) float32 { return y * (1 - y) }, nil
	case "LeakyRelu":
		alpha := param(0, 0.01)
		return func(x float32) float32 { return max(x, 0) + alpha*min(x, 0) }, leakySlope(alpha), nil
	case "Clip":
		low, high := param(0, -inf), param(1, inf)
		return func(x float32) float32 { return min(max(x, low), high) }, inside(low, high, 1), nil
	case "HardSigmoid":
		alpha, beta := param(0, 0.2), param(1, 0.5)
		return func(x float32) float32 { return min(max(alpha*x+beta, 0), 1) }, inside(0, 1, alpha), nil
	}
	return nil, nil, c.Unsupported("activation %q, want Relu, Tanh, Sigmoid, LeakyRelu, Clip or HardSigmoid", name)
}

// leakySlope is alpha where the value has the sign that negative inputs have.
func leakySlope(alpha float32) func(float32) float32 {
	return func(y float32) float32 {
		if y < 0 == (alpha > 0) && y != 0 {
			return alpha
		}
		return 1
	}
}

// fuse appends an activation, and the residual input, to the operator that build makes.
func fuse(c *op.Call, build op.Builder, residual int, name string, params []float32) (op.Operator, []op.Spec, error) {
	value, slope, err := activation(c, name, params)
	if err != nil {
		return nil, nil, err
	}
	operator, specs, err := build(c)
	if err != nil {
		return nil, nil, err
	}
	if residual >= 0 && !slices.Equal(c.In[residual].Shape, specs[0].Shape) {
		return nil, nil,
			c.ShapeError("input %d has shape %v, want the output's, %v", residual, c.In[residual].Shape, specs[0].Shape)
	}
	return &fused{product: operator.(op.Differentiable), residual: residual, value: value, slope: slope}, specs, nil
}

// buildFusedConv is activation(Conv(X, W, B) + Z).
func buildFusedConv(c *op.Call) (op.Operator, []op.Spec, error) {
	residual := -1
	if c.Has(3) {
		residual = 3
	}
	var params []float32
	if a := c.Attr("activation_params"); a != nil {
		params = a.Floats
	}
	return fuse(c, spatial.BuildConv, residual, c.Text("activation", ""), params)
}

// buildFusedGemm is activation(Gemm(A, B, C)).
func buildFusedGemm(c *op.Call) (op.Operator, []op.Spec, error) {
	var params []float32
	for _, name := range []string{"activation_alpha", "activation_beta"} {
		if a := c.Attr(name); a != nil {
			params = append(params, a.GetF())
		}
	}
	return fuse(c, linear.BuildGemm, -1, c.Text("activation", ""), params)
}

// Forward computes Y.
func (f *fused) Forward(x *op.Context, in, out []*op.Tensor) error {
	if err := f.product.Forward(x, in, out); err != nil {
		return err
	}
	y := out[0].F
	x.Workers.For(len(y), op.LoopGrain/4, func(lo, hi int) {
		if f.residual >= 0 {
			for i, v := range in[f.residual].F[lo:hi] {
				y[lo+i] += v
			}
		}
		for i, v := range y[lo:hi] {
			y[lo+i] = f.value(v)
		}
	})
	return nil
}

// Backward passes dy through the activation and hands it to the product.
func (f *fused) Backward(x *op.Context, i, k int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	g := op.FloatScratch(&f.g, len(dy.F))
	if i == f.residual {
		g = dx.F
	}
	x.Workers.For(len(g), op.LoopGrain/4, func(lo, hi int) {
		for j, y := range out[0].F[lo:hi] {
			g[lo+j] = dy.F[lo+j] * f.slope(y)
		}
	})
	if i == f.residual {
		return nil
	}
	return f.product.Backward(x, i, k, in, out, &op.Tensor{Type: dy.Type, Shape: dy.Shape, F: g}, dx)
}
