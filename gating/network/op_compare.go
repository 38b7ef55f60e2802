package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// compareOps compare two operands, broadcast to each other, into a bool tensor.
var compareOps = family{
	zero("Equal", 1, buildCompare(ordered(func(a, b float32) bool { return a == b }, func(a, b int64) bool { return a == b }))),
	zero("Less", 1, buildCompare(ordered(func(a, b float32) bool { return a < b }, func(a, b int64) bool { return a < b }))),
	zero("Greater", 1, buildCompare(ordered(func(a, b float32) bool { return a > b }, func(a, b int64) bool { return a > b }))),
	zero("LessOrEqual", 12, buildCompare(ordered(func(a, b float32) bool { return a <= b }, func(a, b int64) bool { return a <= b }))),
	zero("GreaterOrEqual", 12, buildCompare(ordered(func(a, b float32) bool { return a >= b }, func(a, b int64) bool { return a >= b }))),
}

// order is a comparison of floats and of integers.
type order struct {
	floats *kernel.Pair[float32, int64]
	ints   *kernel.Pair[int64, int64]
}

func ordered(floats func(a, b float32) bool, ints func(a, b int64) bool) *order {
	return &order{
		kernel.PairOf(func(a, b float32) int64 { return truth(floats(a, b)) }),
		kernel.PairOf(func(a, b int64) int64 { return truth(ints(a, b)) }),
	}
}

// comparison is an order over known shapes.
type comparison struct {
	*order
	plan *kernel.Broadcast
	flip int64 // added to integers, so that unsigned 64-bit ones order as signed ones do
}

// buildCompare follows the forms of opset 1 (attributes broadcast and axis) and 7 on.
func buildCompare(o *order) builder {
	return func(c *call) (Operator, []Spec, error) {
		out, err := c.pair()
		if err != nil {
			return nil, nil, err
		}
		k := &comparison{order: o, plan: out.plan}
		if c.in[0].Type == onnx.Uint64 {
			k.flip = -1 << 63
		}
		return k, []Spec{{onnx.Bool, out.out}}, nil
	}
}

// pair plans the broadcast of two inputs of the same type.
func (c *call) pair() (*binary, error) {
	if err := c.need(2); err != nil {
		return nil, err
	}
	if c.in[0].Type != c.in[1].Type {
		return nil, c.shapeError("inputs are %s and %s, want the same type", c.in[0].Spec, c.in[1].Spec)
	}
	return c.binaryOf(nil)
}

// Forward compares.
func (k *comparison) Forward(x *Context, in, out []*Tensor) error {
	if in[0].Spec().IsFloat() {
		kernel.Combine(x.Workers, out[0].I, in[0].F, in[1].F, k.plan, k.floats)
		return nil
	}
	a, b := in[0].I, in[1].I
	if k.flip != 0 {
		a, b = flipped(a, k.flip), flipped(b, k.flip)
	}
	kernel.Combine(x.Workers, out[0].I, a, b, k.plan, k.ints)
	return nil
}
