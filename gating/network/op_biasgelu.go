package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
)

// biasGelu is Gelu of x plus a bias along the last axis, as ONNX Runtime's optimiser fuses them.
type biasGelu struct {
	*binary
	gelu *unary
	sum  []float32
	dsum []float32
}

// buildBiasGelu follows com.microsoft BiasGelu: the exact Gelu of A + B.
func buildBiasGelu(c *call) (Operator, []Spec, error) { return c.biasGelu(exactGelu) }

// buildFastGelu follows com.microsoft FastGelu: the Gelu with tanh of X plus an optional bias.
func buildFastGelu(c *call) (Operator, []Spec, error) {
	if !c.has(1) {
		c.in = c.in[:min(1, len(c.in))]
		return buildUnary(tanhGelu)(c)
	}
	return c.biasGelu(tanhGelu)
}

func (c *call) biasGelu(gelu *unary) (Operator, []Spec, error) {
	op, specs, err := c.binary(&binaryRule{f: kernel.Add})
	if err != nil {
		return nil, nil, err
	}
	return &biasGelu{binary: op.(*binary), gelu: gelu}, specs, nil
}

// Forward computes the Gelu of the sum.
func (b *biasGelu) Forward(x *Context, in, out []*Tensor) error {
	b.sum = resize(b.sum, out[0].Len())
	kernel.Combine(x.Workers, b.sum, in[0].F, in[1].F, b.plan, kernel.Add)
	b.gelu.f(x.Workers, out[0].F, b.sum)
	return nil
}

// Backward sums the Gelu's gradient to the input's shape.
func (b *biasGelu) Backward(x *Context, i, _ int, in, out []*Tensor, dy, dx *Tensor) error {
	b.sum, b.dsum = resize(b.sum, dy.Len()), resize(b.dsum, dy.Len())
	kernel.Combine(x.Workers, b.sum, in[0].F, in[1].F, b.plan, kernel.Add)
	b.gelu.d.run(x.Workers, b.dsum, dy.F, b.sum, out[0].F)
	kernel.SumTo(x.Workers, dx.F, b.dsum, b.shapes[i], b.out)
	return nil
}

// GradientReads says what Backward reads.
func (*biasGelu) GradientReads(_, _ int) reads { return reads{in: []int{0, 1}} }
