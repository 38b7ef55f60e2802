package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// compareOps compare two operands, broadcast to each other, into a bool tensor.
var compareOps = op.Family{
	op.WithZeroGradient("Equal", 1,
		buildCompare(ordered(func(a, b float32) bool { return a == b }, func(a, b int64) bool { return a == b }))),
	op.WithZeroGradient("Less", 1,
		buildCompare(ordered(func(a, b float32) bool { return a < b }, func(a, b int64) bool { return a < b }))),
	op.WithZeroGradient("Greater", 1,
		buildCompare(ordered(func(a, b float32) bool { return a > b }, func(a, b int64) bool { return a > b }))),
	op.WithZeroGradient("LessOrEqual", 12,
		buildCompare(ordered(func(a, b float32) bool { return a <= b }, func(a, b int64) bool { return a <= b }))),
	op.WithZeroGradient("GreaterOrEqual", 12,
		buildCompare(ordered(func(a, b float32) bool { return a >= b }, func(a, b int64) bool { return a >= b }))),
}

// order is a comparison of floats and of integers.
type order struct {
	floats *kernel.Pair[float32, int64]
	ints   *kernel.Pair[int64, int64]
}

func ordered(floats func(a, b float32) bool, ints func(a, b int64) bool) *order {
	return &order{
		kernel.PairOf(func(a, b float32) int64 { return op.Truth(floats(a, b)) }),
		kernel.PairOf(func(a, b int64) int64 { return op.Truth(ints(a, b)) }),
	}
}

// comparison is an order over known shapes.
type comparison struct {
	*order
	plan *kernel.Broadcast
	flip int64 // added to integers, so that unsigned 64-bit ones order as signed ones do
}

// buildCompare follows the forms of opset 1 (attributes broadcast and axis) and 7 on.
func buildCompare(o *order) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		out, err := pair(c)
		if err != nil {
			return nil, nil, err
		}
		k := &comparison{order: o, plan: out.plan}
		if c.In[0].Type == onnx.Uint64 {
			k.flip = -1 << 63
		}
		return k, []op.Spec{{Type: onnx.Bool, Shape: out.out}}, nil
	}
}

// pair plans the broadcast of two inputs of the same type.
func pair(c *op.Call) (*binary, error) {
	if err := c.Need(2); err != nil {
		return nil, err
	}
	if c.In[0].Type != c.In[1].Type {
		return nil, c.ShapeError("inputs are %s and %s, want the same type", c.In[0].Spec, c.In[1].Spec)
	}
	return binaryOf(c, nil)
}

// Forward compares.
func (k *comparison) Forward(x *op.Context, in, out []*op.Tensor) error {
	if in[0].Spec().IsFloat() {
		kernel.Combine(x.Workers, out[0].I, in[0].F, in[1].F, k.plan, k.floats)
		return nil
	}
	a, b := in[0].I, in[1].I
	if k.flip != 0 {
		a, b = op.Flipped(a, k.flip), op.Flipped(b, k.flip)
	}
	kernel.Combine(x.Workers, out[0].I, a, b, k.plan, k.ints)
	return nil
}
