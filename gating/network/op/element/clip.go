package element

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// clipOps bound their input.
var clipOps = op.Family{
	op.WithGradient("Clip", 1, buildClip),
}

// clip is min(max(x, low), high). Bounds come from attributes, or as optional scalars in inputs 1 and 2; those not
// given are the least and greatest finite number.
type clip struct {
	low, high float32
}

// buildClip follows Clip of opset 1 (bounds as attributes) and 11 (as inputs; 12 allows integers).
func buildClip(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	for i := 1; i < len(c.In); i++ {
		if c.Has(i) && (c.In[i].Len() != 1 || c.In[i].Type != c.In[0].Type) {
			return nil, nil, c.ShapeError("bound %d is %s, want one %s", i, c.In[i].Spec, c.In[0].Type)
		}
	}
	k := &clip{c.Float("min", -math.MaxFloat32), c.Float("max", math.MaxFloat32)}
	return k, []op.Spec{c.In[0].Spec}, nil
}

// bounds returns the bounds in force for floats.
func (k *clip) bounds(in []*op.Tensor) (low, high float32) {
	low, high = k.low, k.high
	if len(in) > 1 && in[1] != nil {
		low = in[1].F[0]
	}
	if len(in) > 2 && in[2] != nil {
		high = in[2].F[0]
	}
	return low, high
}

// Forward bounds every element; where low is above high the result is high.
func (k *clip) Forward(x *op.Context, in, out []*op.Tensor) error {
	if in[0].Spec().IsFloat() {
		low, high := k.bounds(in)
		kernel.Clip(x.Workers, out[0].F, in[0].F, low, high)
		return nil
	}
	flip := int64(0)
	if out[0].Type == onnx.Uint64 {
		flip = -1 << 63
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if len(in) > 1 && in[1] != nil {
		low = in[1].I[0] + flip
	}
	if len(in) > 2 && in[2] != nil {
		high = in[2].I[0] + flip
	}
	kernel.Map(x.Workers, out[0].I, in[0].I, func(v int64) int64 { return min(max(v+flip, low), high) + flip })
	return nil
}

// Backward passes dy where x lies between the bounds or on one, as PyTorch's clamp does. A bound gets the sum of
// dy over the elements that it decided.
func (k *clip) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	low, high := k.bounds(in)
	if i == 0 {
		kernel.ClipBackward(x.Workers, dx.F, dy.F, in[0].F, low, high)
		return nil
	}
	var sum float64
	for j, v := range in[0].F {
		if i == 1 && v < low && low < high || i == 2 && (v > high || low > high) {
			sum += float64(dy.F[j])
		}
	}
	dx.F[0] = float32(sum)
	return nil
}

// GradientReads says what Backward reads.
func (*clip) GradientReads(_, _ int) op.Reads { return op.Reads{In: []int{0, 1, 2}} }
