package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// biasGelu is Gelu of x plus a bias along the last axis, as ONNX Runtime's optimiser fuses them.
type biasGelu struct {
	*binary
	gelu *unary
	sum  []float32
	dsum []float32
}

// buildBiasGelu follows com.microsoft BiasGelu: the exact Gelu of A + B.
func buildBiasGelu(c *op.Call) (op.Operator, []op.Spec, error) { return newBiasGelu(c, exactGelu) }

// buildFastGelu follows com.microsoft FastGelu: the Gelu with tanh of X plus an optional bias.
func buildFastGelu(c *op.Call) (op.Operator, []op.Spec, error) {
	if !c.Has(1) {
		c.In = c.In[:min(1, len(c.In))]
		return buildUnary(tanhGelu)(c)
	}
	return newBiasGelu(c, tanhGelu)
}

func newBiasGelu(c *op.Call, gelu *unary) (op.Operator, []op.Spec, error) {
	op, specs, err := newBinary(c, &binaryRule{f: kernel.Add})
	if err != nil {
		return nil, nil, err
	}
	return &biasGelu{binary: op.(*binary), gelu: gelu}, specs, nil
}

// Forward computes the Gelu of the sum.
func (b *biasGelu) Forward(x *op.Context, in, out []*op.Tensor) error {
	b.sum = op.Resize(b.sum, out[0].Len())
	kernel.Combine(x.Workers, b.sum, in[0].F, in[1].F, b.plan, kernel.Add)
	b.gelu.f(x.Workers, out[0].F, b.sum)
	return nil
}

// Backward sums the Gelu's gradient to the input's shape.
func (b *biasGelu) Backward(x *op.Context, i, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	b.sum, b.dsum = op.Resize(b.sum, dy.Len()), op.Resize(b.dsum, dy.Len())
	kernel.Combine(x.Workers, b.sum, in[0].F, in[1].F, b.plan, kernel.Add)
	b.gelu.d.run(x.Workers, b.dsum, dy.F, b.sum, out[0].F)
	kernel.SumTo(x.Workers, dx.F, b.dsum, b.shapes[i], b.out)
	return nil
}

// GradientReads says what Backward reads.
func (*biasGelu) GradientReads(_, _ int) op.Reads { return op.Reads{In: []int{0, 1}} }
