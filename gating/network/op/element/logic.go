package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// logicOps are logic on bool tensors and on the bits of integers.
var logicOps = op.Family{
	op.WithZeroGradient("Not", 1, buildLogic(1, isBool, func(a, _ int64) int64 { return 1 - a })),
	op.WithZeroGradient("And", 1, buildLogic(2, isBool, func(a, b int64) int64 { return a & b })),
	op.WithZeroGradient("Or", 1, buildLogic(2, isBool, func(a, b int64) int64 { return a | b })),
	op.WithZeroGradient("Xor", 1, buildLogic(2, isBool, func(a, b int64) int64 { return a ^ b })),
	op.WithZeroGradient("BitwiseNot", 18, buildLogic(1, onnx.DataType.IsInteger, func(a, _ int64) int64 { return ^a })),
	op.WithZeroGradient("BitwiseAnd", 18,
		buildLogic(2, onnx.DataType.IsInteger, func(a, b int64) int64 { return a & b })),
	op.WithZeroGradient("BitwiseOr", 18,
		buildLogic(2, onnx.DataType.IsInteger, func(a, b int64) int64 { return a | b })),
	op.WithZeroGradient("BitwiseXor", 18,
		buildLogic(2, onnx.DataType.IsInteger, func(a, b int64) int64 { return a ^ b })),
	op.WithZeroGradient("BitShift", 11, buildBitShift),
}

func isBool(t onnx.DataType) bool { return t == onnx.Bool }

// logic is a function of one or two integers, broadcast to each other.
type logic struct {
	plan *kernel.Broadcast // nil for one operand
	f    func(a, b int64) int64
}

// buildLogic builds a function of one or two operands of a type that fits.
func buildLogic(operands int, fits func(onnx.DataType) bool, f func(a, b int64) int64) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		if err := c.Need(operands); err != nil {
			return nil, nil, err
		}
		for i, in := range c.In[:operands] {
			if !fits(in.Type) {
				return nil, nil, c.ShapeError("input %d is %s, which it does not take", i, in.Spec)
			}
		}
		if operands == 1 {
			return &logic{f: f}, []op.Spec{c.In[0].Spec}, nil
		}
		p, err := pair(c)
		if err != nil {
			return nil, nil, err
		}
		return &logic{p.plan, f}, []op.Spec{{Type: c.In[0].Type, Shape: p.out}}, nil
	}
}

// Forward applies the function.
func (l *logic) Forward(x *op.Context, in, out []*op.Tensor) error {
	t := out[0].Type
	if l.plan == nil {
		kernel.Map(x.Workers, out[0].I, in[0].I, func(a int64) int64 { return wrapNarrow(t, l.f(a, 0)) })
		return nil
	}
	f := kernel.PairOf(func(a, b int64) int64 { return wrapNarrow(t, l.f(a, b)) })
	kernel.Combine(x.Workers, out[0].I, in[0].I, in[1].I, l.plan, f)
	return nil
}

// buildBitShift follows BitShift of opset 11, on unsigned integers. Shifting by the width or more gives 0.
func buildBitShift(c *op.Call) (op.Operator, []op.Spec, error) {
	shift := func(a, b int64) int64 { return int64(uint64(a) << uint64(b)) }
	switch direction := c.Text("direction", ""); direction {
	case "LEFT":
	case "RIGHT":
		shift = func(a, b int64) int64 { return int64(uint64(a) >> uint64(b)) }
	default:
		return nil, nil, c.ShapeError("attribute direction is %q, want LEFT or RIGHT", direction)
	}
	return buildLogic(2, isUnsigned, shift)(c)
}
